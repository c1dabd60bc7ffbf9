//! `Range`, as nginx understands it.

/// A part of a file, up to and without its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Part {
    pub(super) begin: u64,
    pub(super) end: u64,
}

impl Part {
    pub(super) fn length(self) -> u64 {
        self.end - self.begin
    }

    /// In memory.
    pub(super) fn range(self) -> std::ops::Range<usize> {
        let place = |place| usize::try_from(place).unwrap_or(usize::MAX);
        place(self.begin)..place(self.end)
    }
}

#[derive(PartialEq, Eq, Debug)]
pub(super) enum Ranges {
    /// The whole file.
    All,
    Parts(Vec<Part>),
    /// Nothing that there is.
    None,
}

/// What is asked for of a file of that length.
pub(super) fn ranges(wanted: &[u8], length: u64) -> Ranges {
    let unit = b"bytes=";
    if wanted.len() <= unit.len() || !wanted[..unit.len()].eq_ignore_ascii_case(unit) {
        return Ranges::All;
    }
    let Ok(list) = std::str::from_utf8(&wanted[unit.len()..]) else { return Ranges::None };
    let mut parts = Vec::new();
    for one in list.split(',').map(|one| one.trim_matches(' ')) {
        match part(one, length) {
            None => return Ranges::None,
            Some(part) if part.begin < part.end => parts.push(part),
            Some(_) => {}
        }
    }
    let sum: u64 = parts.iter().map(|part| part.length()).sum();
    match parts.len() {
        0 => Ranges::None,
        // Who asks for more than there is gets it once.
        _ if sum > length => Ranges::All,
        _ => Ranges::Parts(parts),
    }
}

/// One of them, empty where the file has nothing there. `None`: it is broken.
fn part(one: &str, length: u64) -> Option<Part> {
    let (first, last) = one.split_once('-')?;
    let number = |text: &str| {
        let text = text.trim_matches(' ');
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten()
    };
    if first.is_empty() {
        let count = number(last)?.min(length);
        return Some(Part { begin: length - count, end: length });
    }
    let begin = number(first)?;
    let end = if last.trim_matches(' ').is_empty() { length } else { number(last)?.saturating_add(1).min(length) };
    Some(Part { begin, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_what_is_there_of_them() {
        let one = |begin, end| Ranges::Parts(vec![Part { begin, end }]);
        for (wanted, expected) in [
            ("bytes=0-0", one(0, 1)),
            ("bytes=5-", one(5, 10)),
            ("bytes=-3", one(7, 10)),
            ("bytes=-30", one(0, 10)),
            ("Bytes=2-999", one(2, 10)),
            ("bytes=0-1, 4-4", Ranges::Parts(vec![Part { begin: 0, end: 2 }, Part { begin: 4, end: 5 }])),
            ("bytes=0-9,0-9", Ranges::All),
            ("lines=0-1", Ranges::All),
            ("bytes=10-", Ranges::None),
            ("bytes=5-4", Ranges::None),
            ("bytes=x", Ranges::None),
            ("bytes=-", Ranges::None),
        ] {
            assert_eq!(ranges(wanted.as_bytes(), 10), expected, "{wanted}");
        }
    }
}
