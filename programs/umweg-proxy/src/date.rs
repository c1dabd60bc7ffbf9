//! Days by the calendar (UTC), for when an invite ends and which month's volume is counted.

use std::fmt;
use std::str::FromStr;

use umweg_wire::Timestamp;

const DAY_MILLISECONDS: u64 = 24 * 60 * 60 * 1_000;

/// A day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// Which day it is then.
    #[must_use]
    pub fn of(time: Timestamp) -> Self {
        // Howard Hinnant's civil_from_days: the year begins in March, so that the odd day stands at its end.
        let days = time.0 / DAY_MILLISECONDS + 719_468;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        let narrow = |number| u8::try_from(number).unwrap_or(u8::MAX);
        Self { year: u16::try_from(year).unwrap_or(u16::MAX), month: narrow(month), day: narrow(day) }
    }

    /// Its month, as a number that grows.
    #[must_use]
    pub fn month(self) -> u32 {
        u32::from(self.year) * 12 + u32::from(self.month) - 1
    }
}

impl FromStr for Date {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no date: write it as 2027-01-31");
        let parsed: toml::value::Datetime = text.parse().map_err(|_| wrong())?;
        match parsed {
            toml::value::Datetime { date: Some(date), time: None, offset: None } => {
                Ok(Self { year: date.year, month: date.month, day: date.day })
            }
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl TryFrom<String> for Date {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Date> for String {
    fn from(date: Date) -> Self {
        date.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, day) in
            [(0, "1970-01-01"), (951_782_400, "2000-02-29"), (1_798_675_200, "2026-12-31"), (4_107_542_400, "2100-03-01")]
        {
            assert_eq!(Date::of(Timestamp(seconds * 1_000)).to_string(), day);
            assert_eq!(day.parse::<Date>().unwrap(), Date::of(Timestamp(seconds * 1_000 + DAY_MILLISECONDS - 1)));
        }
        let _ = Date::of(Timestamp(u64::MAX));
    }

    #[test]
    fn months_follow_each_other_over_the_year() {
        let month = |day: &str| day.parse::<Date>().unwrap().month();
        assert_eq!(month("2026-12-31") + 1, month("2027-01-01"));
        assert_eq!(month("2026-12-01"), month("2026-12-31"));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in ["", "tomorrow", "2027-13-01", "2027-02-30", "31.1.2027", "2027-01-31T10:00:00Z"] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
    }
}
