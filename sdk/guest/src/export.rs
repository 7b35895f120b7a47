//! Export macros: they turn an implementation into a component's exports.

/// Exports an [`Analyzer`](crate::Analyzer) as the component's `analyzer` world.
#[macro_export]
macro_rules! export_analyzer {
    ($analyzer:ident) => {
        mod packguard_export {
            #![allow(unsafe_code, reason = "the component ABI")]
            struct Exported;
            impl $crate::bindings::analyzer::Guest for Exported {
                fn describe() -> $crate::bindings::analyzer::Descriptor {
                    <super::$analyzer as $crate::Analyzer>::describe().into()
                }
                fn analyze(
                    package: $crate::bindings::analyzer::Package,
                ) -> ::core::result::Result<$crate::bindings::analyzer::Analysis, ::std::string::String> {
                    <super::$analyzer as $crate::Analyzer>::analyze(&$crate::Package(package)).map(Into::into)
                }
            }
            $crate::bindings::analyzer::export_world!(Exported with_types_in $crate::bindings::analyzer);
        }
    };
}

/// Exports a [`Judge`](crate::Judge) as the component's `judge` world.
#[macro_export]
macro_rules! export_judge {
    ($judge:ident) => {
        mod packguard_export {
            #![allow(unsafe_code, reason = "the component ABI")]
            struct Exported;
            impl $crate::bindings::judge::Guest for Exported {
                fn describe() -> $crate::bindings::judge::Descriptor {
                    <super::$judge as $crate::Judge>::describe().into()
                }
                fn judge(
                    dossier: $crate::judge::Dossier,
                ) -> ::core::result::Result<$crate::judge::Verdict, ::std::string::String> {
                    <super::$judge as $crate::Judge>::judge(&dossier)
                }
            }
            $crate::bindings::judge::export_world!(Exported with_types_in $crate::bindings::judge);
        }
    };
}
