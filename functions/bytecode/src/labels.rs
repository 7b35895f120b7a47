//! Where a value comes from, and where it leads: a set of labels.

/// A set of labels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Labels(u32);

impl Labels {
    pub const NONE: Self = Self(0);
    /// It came over the network.
    pub const NETWORK: Self = Self(1);
    /// It was decoded or decrypted.
    pub const DECODED: Self = Self(1 << 1);
    /// The whole environment of the process.
    pub const ENVIRONMENT: Self = Self(1 << 2);
    /// The content of a file.
    pub const FILE: Self = Self(1 << 3);
    /// Names of the host, its user, its addresses.
    pub const HOST: Self = Self(1 << 4);
    /// A secret: a variable or file that holds one.
    pub const SECRET: Self = Self(1 << 5);
    /// A resource of the package.
    pub const RESOURCE: Self = Self(1 << 6);
    /// What the clipboard holds.
    pub const CLIPBOARD: Self = Self(1 << 7);
    /// A picture of the screen.
    pub const SCREEN: Self = Self(1 << 8);
    /// What a process printed.
    pub const OUTPUT: Self = Self(1 << 9);
    /// A request that a server got.
    pub const REQUEST: Self = Self(1 << 10);
    /// What is written to it goes over the network.
    pub const TO_NETWORK: Self = Self(1 << 11);
    /// What is written to it goes into a process.
    pub const TO_PROCESS: Self = Self(1 << 12);
    /// What is written to it goes into a file.
    pub const TO_FILE: Self = Self(1 << 13);
    /// A raw connection, or what came over one.
    pub const SOCKET: Self = Self(1 << 14);
    /// It was decompressed: no secret by itself.
    pub const INFLATED: Self = Self(1 << 15);
    /// Keys that were pressed.
    pub const KEYS: Self = Self(1 << 16);

    /// A wallet's key or words, as the package's functions get them.
    pub const WALLET: Self = Self(1 << 17);
    /// Its address was decoded: what goes there is hidden from readers.
    pub const TO_HIDDEN: Self = Self(1 << 18);

    /// Both.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Without those of the other.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Only those of the other.
    pub const fn only(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether any label of `other` is in it.
    pub const fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}
