//! Clocks, days and chance: what code asks that shall run now and then only.

use super::Walk;
use crate::lang::Lang;
use crate::value::{Content, Taint, Value};

/// Members that tell which day or hour it is.
pub(super) fn tells_calendar(name: &str) -> bool {
    matches!(
        name,
        "getDayOfMonth"
            | "getDayOfWeek"
            | "getDayOfYear"
            | "getMonth"
            | "getMonthValue"
            | "getHour"
            | "getYear"
            | "get"
            | "Day"
            | "Month"
            | "Hour"
            | "Year"
            | "YearDay"
            | "Weekday"
            | "Unix"
            | "day"
            | "month"
            | "hour"
            | "year"
            | "wday"
            | "yday"
            | "to_i"
            | "strftime"
            | "isAfter"
            | "isBefore"
            | "After"
            | "Before"
    )
}

impl Walk<'_> {
    /// Functions that give the time, a day of the program's own, or a random number; or
    /// that encrypt under a key of the program's own.
    pub(super) fn time_or_chance(
        &mut self,
        name: &str,
        last: &str,
        receiver: &Value,
        args: &[Value],
    ) -> Option<Value> {
        let first = args.first();
        let label = match last {
            "isAfter" | "isBefore" | "After" | "Before" | "CompareTo" | "compareTo" => {
                let both = receiver.taint | first.map_or(Taint::NONE, |first| first.taint);
                if both.has(Taint::CLOCK) && both.has(Taint::FIXED_DAY) {
                    let function = self.function();
                    self.facts.dated.insert(function);
                }
                return None;
            }
            "now" | "today"
                if first.is_none()
                    && [
                        "LocalDate.now",
                        "LocalDateTime.now",
                        "ZonedDateTime.now",
                        "Time.now",
                        "Date.today",
                        "DateTime.now",
                        "Utc.now",
                        "Local.now",
                    ]
                    .iter()
                    .any(|known| name.ends_with(known)) =>
            {
                Taint::CLOCK
            }
            "Now" if name == "time.Now" => Taint::CLOCK,
            "getInstance" if name.ends_with("Calendar.getInstance") => Taint::CLOCK,
            "time" | "date" if self.lang == Lang::Php && name == last => Taint::CLOCK,
            "DateTime" if self.lang == Lang::CSharp && year(first) => Taint::FIXED_DAY,
            "Date" if name == "time.Date" && year(first) => Taint::FIXED_DAY,
            "of" | "parse" | "new" | "Parse" | "local" | "strtotime"
                if (self.dated_type(name) || last == "strtotime") && year(first) =>
            {
                Taint::FIXED_DAY
            }
            "Random" | "SecureRandom" | "rand" | "mt_rand" | "random_int" => Taint::CHANCE,
            "Intn" | "Float64" if name.starts_with("rand.") => Taint::CHANCE,
            "NewCipher" | "NewTripleDESCipher" | "openssl_encrypt" | "NewX" => {
                let key = if last == "openssl_encrypt" {
                    args.get(2)
                } else {
                    first
                };
                return key
                    .filter(|key| key.is_constant() && key.to_bytes().is_some())
                    .map(|_| Value::tainted(Taint::SEALED));
            }
            _ => return None,
        };
        Some(Value::tainted(label))
    }

    /// Notes comparisons that decide by the day or by chance.
    pub(super) fn compared(&mut self, left: &Value, right: &Value) {
        let taint = left.taint | right.taint;
        if !taint.has(Taint::CLOCK | Taint::CHANCE) {
            return;
        }
        // A day, an hour, a year, or seconds since 1970.
        let number =
            |value: &Value| matches!(value.content, Content::Number(1..=3_000 | 1_500_000_000..));
        let fixed = number(left) || number(right);
        let function = self.function();
        if taint.has(Taint::CHANCE) && fixed {
            self.facts.chances.insert(function.clone());
        }
        if taint.has(Taint::CLOCK) && (fixed || taint.has(Taint::FIXED_DAY)) {
            self.facts.dated.insert(function);
        }
    }

    fn dated_type(&self, name: &str) -> bool {
        let mut parts = name.rsplit('.').skip(1);
        parts.next().is_some_and(|owner| {
            matches!(
                owner,
                "LocalDate" | "LocalDateTime" | "Date" | "DateTime" | "Time" | "DateTimeOffset"
            )
        })
    }
}

/// Whether a value is a year of our time, or a date that begins with one.
fn year(value: Option<&Value>) -> bool {
    match value.map(|value| &value.content) {
        Some(Content::Number(year)) => (2_020..2_100).contains(year),
        Some(Content::Text(text)) => {
            text.len() >= 8 && text.starts_with(b"20") && text[..4].iter().all(u8::is_ascii_digit)
        }
        _ => false,
    }
}
