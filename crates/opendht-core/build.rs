//! Compiles the C++ part of the crate, if the feature `core` asks for it.

use std::env;

const SOURCES: [&str; 4] = ["cpp/guard.cpp", "cpp/heap.cpp", "cpp/interpose.cpp", "cpp/shim.cpp"];
const HEADERS: [&str; 4] = ["cpp/guard.hpp", "cpp/heap.hpp", "cpp/scope.hpp", "cpp/shim.h"];
/// Preprocesses only where the headers of OpenDHT are.
const PROBE: &str = "cpp/probe.cpp";

fn main() {
    for file in SOURCES.iter().chain(&HEADERS).chain(&[PROBE, "build.rs"]) {
        println!("cargo::rerun-if-changed={file}");
    }
    if env::var_os("CARGO_FEATURE_CORE").is_none() {
        return;
    }
    if let Err(error) = build() {
        println!(
            "cargo::error=the feature `core` of natbed-opendht-core needs a C++ compiler and the \
             headers of OpenDHT 2.4, which are the Debian packages g++ and libopendht-dev: {error}"
        );
    }
}

fn build() -> Result<(), cc::Error> {
    let compiler = |files: &[&str]| {
        let mut compiler = cc::Build::new();
        compiler.cpp(true).std("c++17").warnings(false).files(files);
        // The core is slow without, and nobody debugs it from here.
        compiler.opt_level(2);
        compiler
    };
    compiler(&[PROBE]).cargo_metadata(false).try_expand()?;
    compiler(&SOURCES).try_compile("natbed_opendht_core")?;
    // After the archive, which refers to it. An executable that links it exports what it refers to
    // and the archive defines, so that the library calls the archive's functions.
    println!("cargo::rustc-link-lib=dylib=opendht");
    Ok(())
}
