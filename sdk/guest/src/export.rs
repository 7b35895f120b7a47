//! Export macros: they turn an implementation into a component's exports.

/// Exports an [`Analyzer`](crate::Analyzer) as the component's `analyzer` world.
#[macro_export]
macro_rules! export_analyzer {
    ($analyzer:ty) => {
        #[allow(unsafe_code, clippy::allow_attributes, reason = "the component ABI")]
        const _: () = {
            struct Exported;
            impl $crate::bindings::analyzer::Guest for Exported {
                fn describe() -> $crate::bindings::analyzer::Descriptor {
                    <$analyzer as $crate::Analyzer>::describe().into()
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

/// Exports a [`Judge`](crate::Judge) as the component's `judge` world.
#[macro_export]
macro_rules! export_judge {
    ($judge:ty) => {
        #[allow(unsafe_code, clippy::allow_attributes, reason = "the component ABI")]
        const _: () = {
            struct Exported;
            impl $crate::bindings::judge::Guest for Exported {
                fn describe() -> $crate::bindings::judge::Descriptor {
                    <$judge as $crate::Judge>::describe().into()
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

/// Exports an [`Unpacker`](crate::unpacker::Unpacker) as the component's `unpacker` world.
#[macro_export]
macro_rules! export_unpacker {
    ($unpacker:ty) => {
        #[allow(unsafe_code, clippy::allow_attributes, reason = "the component ABI")]
        const _: () = {
            use $crate::bindings::unpacker as wit;
            struct Exported;
            impl wit::Guest for Exported {
                fn describe() -> wit::Descriptor {
                    <$unpacker as $crate::unpacker::Unpacker>::describe().into()
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
