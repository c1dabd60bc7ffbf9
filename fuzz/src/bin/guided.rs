//! libFuzzer's entry. libFuzzer brings `main`; it is linked by `./x fuzz`, which also instruments the code.
#![no_main]

use std::sync::LazyLock;

use umweg_fuzz::{TARGETS, Target};

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("UMWEG_FUZZ_TARGET").expect("UMWEG_FUZZ_TARGET names the decoder");
    TARGETS.iter().find(|target| target.name == name).expect("UMWEG_FUZZ_TARGET is one of `./x fuzz`'s list")
});

// SAFETY: the name is libFuzzer's, and nothing else in this program has it.
#[unsafe(no_mangle)]
extern "C" fn LLVMFuzzerTestOneInput(data: *const u8, length: usize) -> i32 {
    // SAFETY: libFuzzer hands over `length` bytes that live as long as this call; for no bytes the pointer may be null.
    let input = if length == 0 { &[][..] } else { unsafe { std::slice::from_raw_parts(data, length) } };
    (TARGET.run)(input);
    0
}
