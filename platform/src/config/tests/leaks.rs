//! Any text in any setting: nothing panics, and no message shows what is secret.

use proptest::prelude::*;

use super::*;

/// Stands in each secret; nothing else contains it.
const MARK: &str = "hunter2hunter2";

/// Text that is near to what settings take, or not at all.
fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[0-9]{1,25}(ms|s|m|h|d|KiB|MiB|GiB|EiB|e9|)",
        "-?[0-9.e]{1,12}",
        "(postgres|redis|rediss|unix|s3|file|http|https)://[a-z0-9:@/?=%,.\\[\\]-]{0,40}",
        "[a-z_]{1,12}=[^,]{0,12},[a-z=,]{0,12}",
        Just(String::new()),
    ]
}

/// Text with the mark somewhere in it.
fn any_secret() -> impl Strategy<Value = String> {
    let address = "(postgres|redis|mysql|)(://|:)";
    (
        any_value(),
        address,
        any_value(),
        any::<prop::sample::Index>(),
    )
        .prop_map(|(before, address, after, form)| {
            let forms = [
                format!("{address}user:{MARK}@host.example.com/x"),
                format!("{address}{before}{MARK}{after}"),
                format!("{address}host.example.com/x?password={MARK}{after}"),
                format!("{before}{MARK}"),
                MARK.to_owned(),
            ];
            form.get(&forms).clone()
        })
}

fn names() -> Vec<&'static Setting> {
    settings().collect()
}

fn nothing_leaks<C: Configuration + std::fmt::Debug>(
    flags: &Flags,
    environment: &Environment,
) -> Result<(), TestCaseError> {
    let text = match resolve::<C>(flags, environment) {
        // Taken as a URL: its host and path are no secret, so only passwords are looked for.
        Ok(settings) => {
            let text = format!("{settings:?}");
            let places = [format!(":{MARK}@"), format!("password={MARK}")];
            prop_assert!(!places.iter().any(|place| text.contains(place)), "{text}");
            return Ok(());
        }
        Err(problems) => {
            for problem in &problems.0 {
                prop_assert!(!problem.what.is_empty() && !problem.hint.is_empty());
            }
            format!("{problems} {problems:?}")
        }
    };
    prop_assert!(!text.contains(MARK), "{text}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_anywhere_neither_panics_nor_leaks(
        values in prop::collection::vec((0..names().len(), any_value(), any_secret()), 0..12),
        in_file in any::<bool>(),
    ) {
        let mut environment = on_s3();
        let mut table = toml::Table::new();
        for (index, open, secret) in values {
            let setting = names()[index];
            let value = if setting.secrecy == Secrecy::Open { open } else { secret };
            if in_file {
                table.insert(setting.key(), value.into());
            } else {
                environment = with(environment, &[(setting.name, &value)]);
            }
        }
        let config = file(&table.to_string());
        let flags = Flags::new([("config", config.path())]);
        let environment = Environment::new(environment);
        nothing_leaks::<ServeSettings>(&flags, &environment)?;
        nothing_leaks::<WorkSettings>(&flags, &environment)?;
        nothing_leaks::<DoctorSettings>(&flags, &environment)?;
    }

    #[test]
    fn any_file_neither_panics_nor_leaks(before in any::<String>(), secret in any_secret()) {
        for text in [
            format!("database_url = {secret}\n{before}"),
            format!("{before}\nstorage_secret_access_key = \"{secret}\""),
            format!("redis_url = [[\"{secret}\"]]"),
        ] {
            let config = file(&text);
            let flags = Flags::new([("config", config.path())]);
            nothing_leaks::<AdminSettings>(&flags, &Environment::new(whole()))?;
        }
    }

    #[test]
    fn any_flag_neither_panics_nor_leaks(secret in any_secret(), url in any::<bool>()) {
        let flag = if url { "database-url" } else { "redis-url" };
        let flags = Flags::new([(flag, secret)]);
        nothing_leaks::<AdminSettings>(&flags, &Environment::new(whole()))?;
    }
}
