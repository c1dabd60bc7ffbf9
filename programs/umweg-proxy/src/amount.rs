//! Amounts of data as people write them: `500k`, `2M`, `1.5G`.

use std::fmt;
use std::str::FromStr;

const UNITS: [(char, u64); 4] = [('T', 1_000_000_000_000), ('G', 1_000_000_000), ('M', 1_000_000), ('k', 1_000)];

/// Bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Amount(pub u64);

impl FromStr for Amount {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no amount of data: write bytes, or for example 500k, 2M, 1.5G");
        let unit = text.chars().last().and_then(|last| UNITS.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(&last)));
        let (number, unit) = match unit {
            Some((_, unit)) => (&text[..text.len() - 1], unit),
            None => (text, 1),
        };
        let (whole, parts) = number.split_once('.').unwrap_or((number, "0"));
        let parse =
            |digits: &str| digits.parse::<u64>().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()) && digits.len() < 13);
        let scale = 10_u64.checked_pow(u32::try_from(parts.len()).map_err(|_| wrong())?).ok_or_else(wrong)?;
        let (whole, parts) = (parse(whole).ok_or_else(wrong)?, parse(parts).ok_or_else(wrong)?);
        let bytes = whole
            .checked_mul(unit)
            .ok_or_else(wrong)?
            .saturating_add(u64::try_from(u128::from(parts) * u128::from(unit) / u128::from(scale)).map_err(|_| wrong())?);
        // TOML's numbers have a sign.
        if i64::try_from(bytes).is_ok() { Ok(Self(bytes)) } else { Err(wrong()) }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.into_iter().find(|(_, unit)| self.0 >= *unit) {
            Some((name, unit)) => write!(f, "{}.{} {name}B", self.0 / unit, self.0 % unit * 10 / unit),
            None => write!(f, "{} B", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_they_are_written() {
        for (text, bytes) in [
            ("0", 0),
            ("1500", 1_500),
            ("500k", 500_000),
            ("500K", 500_000),
            ("2M", 2_000_000),
            ("1.5G", 1_500_000_000),
            ("3T", 3_000_000_000_000),
        ] {
            assert_eq!(text.parse(), Ok(Amount(bytes)));
        }
        for text in ["", "M", "-1", "1e9", "1,5G", "lots", "99999999999T", "+5", "1.M"] {
            assert!(text.parse::<Amount>().is_err(), "{text}");
        }
    }

    #[test]
    fn amounts_are_shown_with_two_figures() {
        for (bytes, text) in [(0, "0 B"), (999, "999 B"), (1_500, "1.5 kB"), (2_000_000, "2.0 MB"), (u64::MAX, "18446744.0 TB")] {
            assert_eq!(Amount(bytes).to_string(), text);
        }
    }
}
