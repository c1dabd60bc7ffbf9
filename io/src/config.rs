//! Configuration: flags, environment and a TOML file with the same names, and secrets in files of their own.
//!
//! A program describes its settings once, as a clap struct with doc comments. The file's values become the defaults of the flags,
//! so the order is: flag, environment, file, default. Keys that no flag has are an error; so is a value that the flag would refuse.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command, CommandFactory, FromArgMatches};

/// The flag that names the file.
const FILE: &str = "config";

/// A file that is not a configuration of this program.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read {0}: {1}")]
    Unreadable(PathBuf, io::Error),
    /// It is not TOML.
    #[error("{0} is not valid TOML: {1}")]
    NotToml(PathBuf, Box<toml::de::Error>),
    /// A key that means nothing here.
    #[error("{0} sets `{1}`, which is no setting of this program (see its --help)")]
    UnknownKey(PathBuf, String),
    /// A table or a date.
    #[error("{0} sets `{1}` to something that is neither text, number, true/false, nor a list of those")]
    Value(PathBuf, String),
}

/// Parses the process's arguments; ends the process with clap's words when they are wrong, or asked for. A subcommand that has a
/// flag `--config` reads its settings from that file, too.
#[must_use]
pub fn parse<P: CommandFactory + FromArgMatches>() -> P {
    try_parse(std::env::args_os()).unwrap_or_else(|error| error.exit())
}

/// As `parse`, with the error handed back.
pub fn try_parse<P: CommandFactory + FromArgMatches>(
    arguments: impl IntoIterator<Item = impl Into<OsString>>,
) -> Result<P, clap::Error> {
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let mut command = P::command();
    if let Some((subcommand, file)) = file_of(command.clone(), &arguments) {
        let settings = command.find_subcommand_mut(subcommand).expect("clap matched this subcommand of the same program");
        let with_file = with_file(std::mem::take(settings), &file);
        *settings = with_file.map_err(|error| clap::Error::raw(clap::error::ErrorKind::ValueValidation, format!("{error}\n")))?;
    }
    P::from_arg_matches(&command.try_get_matches_from(arguments)?)
}

/// A commented file with every setting of the subcommand and its default.
#[must_use]
pub fn example<P: CommandFactory>(subcommand: &str) -> String {
    let command = P::command();
    let settings = command.find_subcommand(subcommand).expect("a program has the subcommand that it names");
    let mut text = format!("# Settings of `{} {subcommand}`. Flags and environment go before this file.\n", command.get_name());
    for setting in settings.get_arguments().filter(|setting| is_setting(setting)) {
        let help = setting.get_long_help().or(setting.get_help()).map(ToString::to_string).unwrap_or_default();
        text.push('\n');
        for line in help.lines() {
            let _ = writeln!(text, "# {line}");
        }
        let default: Vec<_> = setting.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
        let value = match default.as_slice() {
            [] if !setting.get_action().takes_values() => "false".to_owned(),
            [] => "\"…\"".to_owned(),
            [one] if one.parse::<i64>().is_ok() || one.parse::<bool>().is_ok() => one.clone(),
            [one] => format!("{one:?}"),
            many => format!("{many:?}"),
        };
        let _ = writeln!(text, "# {} = {value}", setting.get_long().unwrap_or_default());
    }
    text
}

/// Writes a file that only this user can read: whole, or not at all. What root writes belongs to the folder's owner: an operator's
/// command must not lock the program out of its own folder.
pub fn write_secret(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
    let unfinished = path.with_extension("unfinished");
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    if rustix::process::geteuid().is_root() {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let owner = std::fs::metadata(folder)?;
        fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
    }
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(unfinished, path)
}

/// Reads a secret's file, or makes it the first time.
pub fn load_or_make_secret(path: &Path, make: impl FnOnce() -> Vec<u8>) -> io::Result<Vec<u8>> {
    match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let made = make();
            write_secret(path, &made)?;
            Ok(made)
        }
        other => other,
    }
}

fn is_setting(argument: &Arg) -> bool {
    argument.get_long().is_some_and(|name| !matches!(name, "help" | "version" | FILE))
}

/// Which subcommand, and where its file is, as far as the arguments make sense at all.
fn file_of(command: Command, arguments: &[OsString]) -> Option<(String, PathBuf)> {
    let matches = command.ignore_errors(true).try_get_matches_from(arguments).ok()?;
    let (subcommand, matches) = matches.subcommand()?;
    Some((subcommand.to_owned(), matches.try_get_one::<PathBuf>(FILE).ok()?.cloned()?))
}

fn with_file(mut settings: Command, file: &Path) -> Result<Command, FileError> {
    let text = std::fs::read_to_string(file).map_err(|error| FileError::Unreadable(file.to_owned(), error))?;
    let table: toml::Table = text.parse().map_err(|error| FileError::NotToml(file.to_owned(), Box::new(error)))?;
    for (key, value) in table {
        let known = settings.get_arguments().find(|setting| is_setting(setting) && setting.get_long() == Some(&*key));
        let Some(id) = known.map(|setting| setting.get_id().clone()) else {
            return Err(FileError::UnknownKey(file.to_owned(), key));
        };
        let values = texts(&value).ok_or_else(|| FileError::Value(file.to_owned(), key))?;
        settings = settings.mut_arg(id, |setting| match setting.get_action() {
            ArgAction::SetTrue | ArgAction::SetFalse => setting.default_value(last(values)),
            _ => setting.required(false).default_values(values),
        });
    }
    Ok(settings)
}

/// clap wants defaults that live as long as the program; the file is read once, and they do.
fn texts(value: &toml::Value) -> Option<Vec<&'static str>> {
    let text = match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Float(number) => number.to_string(),
        toml::Value::Boolean(truth) => truth.to_string(),
        toml::Value::Array(values) => return Some(values.iter().map(texts).collect::<Option<Vec<_>>>()?.concat()),
        toml::Value::Table(_) | toml::Value::Datetime(_) => return None,
    };
    Some(vec![text.leak()])
}

fn last(values: Vec<&'static str>) -> &'static str {
    values.last().copied().unwrap_or("false")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, chown};

    use clap::Parser;

    use super::*;

    #[test]
    fn what_root_writes_belongs_to_the_folders_owner() {
        let folder = tempfile::tempdir().unwrap();
        // Only root can make a folder somebody else's; to anybody else it stays their own, and what they write is theirs.
        let _ = chown(folder.path(), Some(65_534), Some(65_534));
        let file = folder.path().join("secret");
        write_secret(&file, b"1").unwrap();
        let [of_file, of_folder] = [file.as_path(), folder.path()].map(|path| std::fs::metadata(path).unwrap());
        assert_eq!((of_file.uid(), of_file.mode() & 0o777), (of_folder.uid(), 0o600));
    }

    #[derive(Parser)]
    #[command(name = "program")]
    struct Program {
        #[command(subcommand)]
        command: Sub,
    }

    #[derive(clap::Subcommand)]
    enum Sub {
        Run {
            /// The file.
            #[arg(long)]
            config: Option<PathBuf>,
            /// How many.
            #[arg(long, default_value_t = 3)]
            count: u16,
            /// Whose.
            #[arg(long)]
            name: String,
            /// Whether.
            #[arg(long)]
            loud: bool,
        },
    }

    fn parsed(file: &str, arguments: &[&str]) -> Result<(u16, String, bool), String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program.toml");
        std::fs::write(&path, file).unwrap();
        let config = format!("--config={}", path.display());
        let arguments = ["program", "run", &config].into_iter().chain(arguments.iter().copied());
        match try_parse::<Program>(arguments) {
            Ok(Program { command: Sub::Run { config: _, count, name, loud } }) => Ok((count, name, loud)),
            Err(error) => Err(error.to_string().replace(&path.display().to_string(), "FILE")),
        }
    }

    #[test]
    fn a_flag_goes_before_the_file_and_the_file_before_the_default() {
        assert_eq!(parsed("name = \"a\"", &[]), Ok((3, "a".to_owned(), false)));
        assert_eq!(parsed("name = \"a\"\ncount = 5\nloud = true", &["--name", "b"]), Ok((5, "b".to_owned(), true)));
    }

    #[test]
    fn mistakes_in_the_file_are_named() {
        assert!(parsed("nmae = \"a\"", &[]).unwrap_err().contains("FILE sets `nmae`, which is no setting"));
        assert!(parsed("name = \"a\"\ncount = 70000", &[]).unwrap_err().contains("70000"));
        assert!(parsed("name =", &[]).unwrap_err().contains("FILE is not valid TOML"));
        assert!(parsed("count = 4", &[]).unwrap_err().contains("--name"));
    }

    #[test]
    fn the_example_names_every_setting_with_its_words() {
        let example = example::<Program>("run");
        for part in ["# How many\n# count = 3\n", "# Whose\n# name = ", "# Whether\n# loud = false"] {
            assert!(example.contains(part), "{part} in {example}");
        }
    }

    #[test]
    fn a_secret_is_made_once_and_for_this_user_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        assert_eq!(load_or_make_secret(&path, || b"first".to_vec()).unwrap(), b"first");
        assert_eq!(load_or_make_secret(&path, || b"second".to_vec()).unwrap(), b"first");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
