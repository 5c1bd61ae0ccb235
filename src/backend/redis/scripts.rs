//! The Lua scripts: what must happen in one step, or in one round trip, happens on the server.

use std::sync::LazyLock;

use ::redis::{Arg, Cmd, Script, ToRedisArgs, cmd};

macro_rules! scripts {
    ($($name:ident = [$($part:literal),+];)+) => {
        $(
            #[doc = concat!("See ", $($part, " "),+)]
            pub(super) static $name: LazyLock<Loaded> =
                LazyLock::new(|| Loaded::new(concat!($(include_str!(concat!("lua/", $part))),+)));
        )+
    };
}

scripts! {
    READ = ["entry.lua", "read.lua"];
    FIND = ["entry.lua", "find.lua"];
    WRITE_SIDE = ["entry.lua", "write_side.lua"];
    WRITE = ["entry.lua", "store.lua", "index.lua", "write.lua"];
    DELETE = ["entry.lua", "index.lua", "delete.lua"];
    LIVE = ["entry.lua", "index.lua", "live.lua"];
    EXISTS = ["index.lua", "exists.lua"];
    WALK = ["index.lua", "walk.lua"];
    ADOPT = ["index.lua", "adopt.lua"];
    NAME_OF = ["index.lua", "name_of.lua"];
    ENDED = ["index.lua", "ended.lua"];
    ACQUIRE = ["acquire.lua"];
    RENEW = ["renew.lua"];
    RELEASE = ["release.lua"];
    TAKE = ["take.lua"];
    CLUSTER_STORE = ["entry.lua", "store.lua", "cluster_store.lua"];
    CLUSTER_RETIRE = ["entry.lua", "store.lua", "cluster_retire.lua"];
    CLUSTER_ENTER = ["index.lua", "cluster_enter.lua"];
    CLUSTER_SETTLE = ["index.lua", "cluster_settle.lua"];
    CLUSTER_FORGET = ["index.lua", "cluster_forget.lua"];
    CLUSTER_UNKNOWN = ["index.lua", "cluster_unknown.lua"];
    CLUSTER_LIVE = ["index.lua", "cluster_live.lua"];
}

/// A script and its hash.
pub(super) struct Loaded {
    text: &'static str,
    hash: String,
}

/// A call of a script, which the server knows by its hash once it has seen it.
pub(super) struct Call {
    script: &'static Loaded,
    short: Cmd,
}

impl Loaded {
    fn new(text: &'static str) -> Self {
        Self {
            text,
            hash: Script::new(text).get_hash().to_owned(),
        }
    }

    /// A call with these keys; in a Cluster the first one says where it goes.
    pub(super) fn call(&'static self, keys: &[&str]) -> Call {
        let mut short = cmd("EVALSHA");
        short.arg(&self.hash).arg(keys.len()).arg(keys);
        Call {
            script: self,
            short,
        }
    }
}

impl Call {
    /// Adds an argument.
    pub(super) fn arg(mut self, argument: impl ToRedisArgs) -> Self {
        self.short.arg(argument);
        self
    }

    /// The call by hash.
    pub(super) fn short(&self) -> &Cmd {
        &self.short
    }

    /// The same call with the script itself, for a server that does not know it (any more).
    pub(super) fn whole(&self) -> Cmd {
        let mut whole = cmd("EVAL");
        whole.arg(self.script.text);
        for argument in self.short.args_iter().skip(2) {
            if let Arg::Simple(argument) = argument {
                whole.arg(argument);
            }
        }
        whole
    }
}
