//! The Lua scripts, each behind the same prelude and with the same keys.

use redis::ScriptInvocation;

/// What stands after the prefix of the keys that every script gets, in that order.
const SUFFIXES: [&str; 8] = [
    "priority", "delayed", "leases", "tasks", "lanes", "since", "virtual", "wake",
];

macro_rules! scripts {
    ($($name:ident => $file:literal,)*) => {
        /// One of the scripts.
        #[derive(Debug, Clone, Copy)]
        pub(crate) enum Script { $($name),* }

        const SOURCES: &[&str] = &[$(
            concat!(include_str!("lua/prelude.lua"), include_str!(concat!("lua/", $file))),
        )*];
    };
}

scripts! {
    Enqueue => "enqueue.lua",
    Claim => "claim.lua",
    Heartbeat => "heartbeat.lua",
    Settle => "settle.lua",
    Adopt => "adopt.lua",
    Cancel => "cancel.lua",
    Remove => "remove.lua",
    Find => "find.lua",
    Depths => "depths.lua",
    Load => "load.lua",
    Check => "check.lua",
}

/// All scripts and the keys of one queue.
pub(crate) struct Scripts {
    scripts: Vec<redis::Script>,
    keys: Vec<String>,
}

impl Scripts {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            scripts: SOURCES
                .iter()
                .map(|code| redis::Script::new(code))
                .collect(),
            keys: SUFFIXES.iter().map(|suffix| key(name, suffix)).collect(),
        }
    }

    pub(crate) fn prepare(&self, script: Script) -> ScriptInvocation<'_> {
        let mut invocation = self.scripts[script as usize].prepare_invoke();
        invocation.key(&self.keys);
        invocation
    }
}

/// A key of the queue. The braces make all of them one slot of a cluster.
pub(crate) fn key(name: &str, suffix: &str) -> String {
    format!("{{{name}}}:{suffix}")
}
