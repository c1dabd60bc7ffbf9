//! A stretch of fuzzing one target: inputs from a seed, until there are enough or one breaks it.

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;

use crate::mutation::mutated;
use crate::targets::Target;

/// An input that takes longer is as bad as one that panics. Wide, because the machine may be busy.
const TIME_MAX: Duration = Duration::from_secs(5);

/// How much to try.
#[derive(Clone, Copy)]
pub struct Effort {
    /// Decides every input.
    pub seed: u64,
    /// At most so many inputs.
    pub executions: u64,
    /// And at most so long.
    pub time: Duration,
}

/// Tries a target: first its seeds and corpus, then mutations. Answers with how many inputs it came back from.
pub fn fuzz(target: &Target, effort: Effort) -> anyhow::Result<u64> {
    let begun = Instant::now();
    let mut seeds = (target.seeds)();
    seeds.extend(corpus(target.name)?);
    for input in &seeds {
        execute(target, input)?;
    }
    let mut rng = ChaCha12Rng::seed_from_u64(effort.seed);
    let mut executed = 0;
    while executed < effort.executions && begun.elapsed() < effort.time {
        execute(target, &mutated(&seeds, target.bytes_max, &mut rng)).with_context(|| format!("seed {}", effort.seed))?;
        executed += 1;
    }
    Ok(executed)
}

/// Gives a target one input; the input is kept if it breaks.
pub fn execute(target: &Target, input: &[u8]) -> anyhow::Result<()> {
    let begun = Instant::now();
    let outcome = catch_unwind(|| (target.run)(input));
    let took = begun.elapsed();
    if outcome.is_ok() && took < TIME_MAX {
        return Ok(());
    }
    let kept = keep(target.name, input)?;
    let what = if outcome.is_err() { "panics".to_owned() } else { format!("takes {} ms", took.as_millis()) };
    bail!("{} {what} on {}", target.name, kept.display());
}

/// The committed inputs of a target.
pub fn corpus(name: &str) -> anyhow::Result<Vec<Vec<u8>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut paths = std::fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).with_context(|| format!("{} could not be read", path.display()))).collect()
}

fn keep(name: &str, input: &[u8]) -> anyhow::Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target-fuzz/found").join(name);
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{}-{:08x}", input.len(), fingerprint(input)));
    std::fs::write(&path, input)?;
    Ok(path)
}

/// FNV-1a: enough to give inputs different names.
fn fingerprint(input: &[u8]) -> u32 {
    input.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TARGETS;

    /// Short and always the same; `./x test` goes on from new seeds, `./x fuzz` from what libFuzzer learns.
    #[test]
    fn every_target_comes_back_from_its_corpus_and_from_mutations_of_it() {
        for target in TARGETS {
            let effort = Effort { seed: 1, executions: 300, time: Duration::from_secs(30) };
            fuzz(target, effort).unwrap_or_else(|error| panic!("{error:#}"));
        }
    }

    #[test]
    fn a_target_that_panics_is_reported_with_its_input() {
        let broken = Target {
            name: "broken-on-purpose",
            decodes: "nothing",
            bytes_max: 100,
            run: |input| assert!(!input.starts_with(b"yes"), "found"),
            seeds: || vec![b"yes".to_vec()],
        };
        let error = fuzz(&broken, Effort { seed: 1, executions: 1, time: TIME_MAX }).expect_err("it panics on its seed");
        let kept = error.to_string().split(" on ").nth(1).map(PathBuf::from).expect("the message names the input");
        assert_eq!(std::fs::read(&kept).unwrap(), b"yes");
        std::fs::remove_file(kept).unwrap();
    }

    #[test]
    fn every_target_has_seeds_and_a_name_of_its_own() {
        let mut names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        assert!(TARGETS.iter().all(|target| !(target.seeds)().is_empty()));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TARGETS.len());
    }
}
