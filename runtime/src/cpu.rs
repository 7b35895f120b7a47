//! What compiled code may ask of a CPU.

use std::fmt;
use std::str::FromStr;

use wasmtime::Config;

/// The CPUs that components are compiled for: this one, or all of one of the
/// [x86-64 psABI's levels](https://gitlab.com/x86-psABIs/x86-64-ABI), so that code made on one
/// machine runs on others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cpu {
    /// The one that this process runs on.
    #[default]
    Native,
    /// SSE4.2 and before: machines of 2009 and later.
    X86V2,
    /// AVX2 and before: servers of 2015 and later.
    X86V3,
}

/// A name that is none of [`Cpu`]'s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such CPU: give `native`, `x86-64-v2` or `x86-64-v3`")]
pub struct UnknownCpu;

impl Cpu {
    /// The name that settings have.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::X86V2 => "x86-64-v2",
            Self::X86V3 => "x86-64-v3",
        }
    }

    /// Whether code for it runs on this machine.
    pub fn is_supported(self) -> bool {
        match self {
            Self::Native => true,
            #[cfg(target_arch = "x86_64")]
            Self::X86V2 => {
                std::is_x86_feature_detected!("sse4.2") && std::is_x86_feature_detected!("popcnt")
            }
            #[cfg(target_arch = "x86_64")]
            Self::X86V3 => {
                Self::X86V2.is_supported()
                    && std::is_x86_feature_detected!("avx2")
                    && std::is_x86_feature_detected!("bmi1")
                    && std::is_x86_feature_detected!("bmi2")
                    && std::is_x86_feature_detected!("fma")
                    && std::is_x86_feature_detected!("lzcnt")
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// Tells the compiler.
    ///
    /// # Errors
    /// When this machine could not run the code.
    #[expect(
        unsafe_code,
        reason = "says which instructions there are; `is_supported` is asked first"
    )]
    pub(crate) fn apply(self, config: &mut Config) -> wasmtime::Result<()> {
        if self == Self::Native {
            return Ok(());
        }
        if !self.is_supported() {
            wasmtime::bail!(
                "this machine's CPU is no {self}: set PACKGUARD_CPU to what all machines have, or to native"
            );
        }
        config.target("x86_64-unknown-linux-gnu")?;
        // SAFETY: the levels are cranelift's own presets, and this machine has all of them.
        unsafe { config.cranelift_flag_enable(self.as_str()) };
        Ok(())
    }
}

impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Cpu {
    type Err = UnknownCpu;

    fn from_str(text: &str) -> Result<Self, UnknownCpu> {
        [Self::Native, Self::X86V2, Self::X86V3]
            .into_iter()
            .find(|cpu| cpu.as_str() == text)
            .ok_or(UnknownCpu)
    }
}
