//! As much of STUN (RFC 8489) as the forwarder needs: is it a Binding, which way does it go, and whom does it name.
//!
//! ICE-lite at the SFU answers the checks themselves; the app only reads who asks.

/// Bytes 4 to 8 of every STUN message.
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
const HEADER_LEN: usize = 20;
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const USERNAME: u16 = 0x0006;

/// A STUN message, by what it does for a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Binding<'a> {
    /// A check: the user name is `<ufrag of who answers>:<ufrag of who asks>` (RFC 8445, section 7.2.2).
    Request { username: &'a str },
    /// The answer to a check.
    Success,
}

/// Reads a datagram as a STUN Binding; `None` if it is anything else, or malformed.
pub(crate) fn read(datagram: &[u8]) -> Option<Binding<'_>> {
    let (header, attributes) = datagram.split_at_checked(HEADER_LEN)?;
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if header[4..8] != MAGIC_COOKIE || length != attributes.len() || length % 4 != 0 {
        return None;
    }
    match u16::from_be_bytes([header[0], header[1]]) {
        BINDING_REQUEST => Some(Binding::Request { username: username(attributes)? }),
        BINDING_SUCCESS => Some(Binding::Success),
        _ => None,
    }
}

fn username(mut attributes: &[u8]) -> Option<&str> {
    while let Some((head, rest)) = attributes.split_first_chunk::<4>() {
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let value = rest.get(..length)?;
        if u16::from_be_bytes([head[0], head[1]]) == USERNAME {
            return std::str::from_utf8(value).ok();
        }
        attributes = rest.get(length.next_multiple_of(4)..)?;
    }
    None
}

/// Messages for the tests of this folder.
#[cfg(test)]
pub(crate) mod make {
    /// A check by somebody for the owner of `ufrag`.
    pub(crate) fn request(ufrag: &str) -> Vec<u8> {
        let username = format!("{ufrag}:them");
        let mut attributes = vec![0x80, 0x22, 0, 3, b'a', b'p', b'p', 0]; // SOFTWARE, padded, before it
        attributes.extend([0, 6, 0, username.len() as u8]);
        attributes.extend(username.as_bytes());
        attributes.resize(attributes.len().next_multiple_of(4), 0);
        message(0x0001, &attributes)
    }

    /// Its answer.
    pub(crate) fn success() -> Vec<u8> {
        message(0x0101, &[])
    }

    fn message(kind: u16, attributes: &[u8]) -> Vec<u8> {
        let mut bytes = kind.to_be_bytes().to_vec();
        bytes.extend((attributes.len() as u16).to_be_bytes());
        bytes.extend(super::MAGIC_COOKIE);
        bytes.extend([7; 12]);
        bytes.extend(attributes);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_names_whom_it_is_for() {
        assert_eq!(read(&make::request("ours")), Some(Binding::Request { username: "ours:them" }));
        assert_eq!(read(&make::success()), Some(Binding::Success));
    }

    #[test]
    fn a_check_cut_off_anywhere_is_none() {
        let request = make::request("ours");
        for end in 0..request.len() {
            assert_eq!(read(&request[..end]), None, "cut at {end}");
        }
    }

    #[test]
    fn an_attribute_longer_than_the_message_is_refused() {
        let mut request = make::request("ours");
        request[22] = 0xff;
        assert_eq!(read(&request), None);
    }

    #[test]
    fn no_changed_byte_makes_it_panic() {
        let request = make::request("ours");
        for place in 0..request.len() {
            for value in [0, 1, 3, 4, 0x7f, 0xff] {
                let mut changed = request.clone();
                changed[place] = value;
                let _ = read(&changed);
            }
        }
    }
}
