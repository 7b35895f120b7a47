//! Export macros: they turn an implementation into a component's exports.

/// Exports an [`Analyzer`](crate::Analyzer) as the component's `analyzer` world.
#[macro_export]
macro_rules! export_analyzer {
    ($analyzer:ty) => {
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
