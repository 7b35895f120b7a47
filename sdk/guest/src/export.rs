//! Export macros: they turn an implementation into a component's exports.

/// A [`Descriptor`](crate::Descriptor) with name, version and description of the crate
/// that calls it, for all ecosystems and without rules.
///
/// ```
/// use packguard_sdk::{Descriptor, descriptor};
/// const DESCRIPTOR: Descriptor = Descriptor { name: "demo", ..descriptor!() };
/// ```
#[macro_export]
macro_rules! descriptor {
    () => {
        $crate::Descriptor {
            name: ::core::env!("CARGO_PKG_NAME"),
            version: ::core::env!("CARGO_PKG_VERSION"),
            description: ::core::env!("CARGO_PKG_DESCRIPTION"),
            ecosystems: &[],
            rules: &[],
        }
    };
}

/// Exports an [`Analyzer`](crate::Analyzer) as the component's `analyzer` world. Natively
/// it exports nothing, so that tests can link the analyzer.
///
/// A descriptor that the host would refuse does not compile:
///
/// ```compile_fail
/// # use packguard_sdk::{Analyzer, Category, Descriptor, Rule, Severity, descriptor, export_analyzer};
/// # const RULE: Rule = Rule::new("demo", "", "", Category::Execution, Severity::Low, &[]);
/// #[derive(Default)]
/// struct Demo;
///
/// impl Analyzer for Demo {
///     const DESCRIPTOR: Descriptor = Descriptor { rules: &[&RULE, &RULE], ..descriptor!() };
/// }
/// export_analyzer!(Demo); // two rules have the same id
/// ```
#[macro_export]
macro_rules! export_analyzer {
    ($analyzer:ty) => {
        const _: () = <$analyzer as $crate::Analyzer>::DESCRIPTOR.check();

        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code, clippy::allow_attributes, reason = "the component ABI")]
        const _: () = {
            struct Exported;
            impl $crate::bindings::analyzer::Guest for Exported {
                fn describe() -> $crate::bindings::analyzer::Descriptor {
                    <$analyzer as $crate::Analyzer>::DESCRIPTOR.into()
                }
                fn analyze(
                    package: $crate::bindings::analyzer::Package,
                ) -> ::core::result::Result<$crate::bindings::analyzer::Analysis, ::std::string::String> {
                    <$analyzer as $crate::Analyzer>::analyze(&$crate::Package(package)).map(Into::into)
                }
            }
            $crate::bindings::analyzer::export_world!(Exported with_types_in $crate::bindings::analyzer);
        };
    };
}

/// Exports a [`Judge`](crate::Judge) as the component's `judge` world; nothing natively.
#[macro_export]
macro_rules! export_judge {
    ($judge:ty) => {
        const _: () = <$judge as $crate::Judge>::DESCRIPTOR.check();

        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code, clippy::allow_attributes, reason = "the component ABI")]
        const _: () = {
            struct Exported;
            impl $crate::bindings::judge::Guest for Exported {
                fn describe() -> $crate::bindings::judge::Descriptor {
                    <$judge as $crate::Judge>::DESCRIPTOR.into()
                }
                fn judge(
                    dossier: $crate::judge::Dossier,
                ) -> ::core::result::Result<$crate::judge::Verdict, ::std::string::String> {
                    <$judge as $crate::Judge>::judge(&dossier)
                }
            }
    $crate::bindings::judge::export_world!(Exported with_types_in $crate::bindings::judge);
        };
    };
}

/// Exports an [`Unpacker`](crate::unpacker::Unpacker) as the component's `unpacker` world;
/// nothing natively.
#[macro_export]
macro_rules! export_unpacker {
    ($unpacker:ty) => {
        const _: () = <$unpacker as $crate::unpacker::Unpacker>::DESCRIPTOR.check();

        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code, clippy::allow_attributes, reason = "the component ABI")]
        const _: () = {
            use $crate::bindings::unpacker as wit;
            struct Exported;
            impl wit::Guest for Exported {
                fn describe() -> wit::Descriptor {
                    <$unpacker as $crate::unpacker::Unpacker>::DESCRIPTOR.into()
                }
                fn unpack(
                    inputs: ::std::vec::Vec<wit::Input>,
                    limits: wit::UnpackLimits,
                ) -> ::core::result::Result<wit::Analysis, ::std::string::String> {
                    <$unpacker as $crate::unpacker::Unpacker>::unpack(
                        &inputs,
                        limits,
                        &mut $crate::unpacker::HostSink,
                    )
                    .map(Into::into)
                }
            }
    wit::export_world!(Exported with_types_in wit);
        };
    };
}
