//! Tars built block by block.

/// A tar in the making.
#[derive(Debug, Default, Clone)]
pub struct Tar(pub Vec<u8>);

/// Fields of a header that tests bend.
#[derive(Debug, Clone, Copy)]
pub struct Header<'a> {
    pub name: &'a [u8],
    pub kind: u8,
    pub size: u64,
    pub link: &'a [u8],
    pub mode: u32,
    /// `ustar\0` and version, or another's.
    pub magic: &'a [u8],
}

impl<'a> Header<'a> {
    pub fn new(name: &'a str, kind: u8, size: u64) -> Self {
        Self {
            name: name.as_bytes(),
            kind,
            size,
            link: b"",
            mode: 0o644,
            magic: b"ustar\x0000",
        }
    }

    pub fn block(&self) -> [u8; 512] {
        let mut block = [0; 512];
        put(&mut block, 0, self.name);
        put(&mut block, 100, format!("{:07o}\0", self.mode).as_bytes());
        put(&mut block, 124, format!("{:011o}\0", self.size).as_bytes());
        block[156] = self.kind;
        put(&mut block, 157, self.link);
        put(&mut block, 257, self.magic);
        sign(&mut block);
        block
    }
}

pub fn put(block: &mut [u8], at: usize, bytes: &[u8]) {
    block[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Writes the checksum.
pub fn sign(block: &mut [u8; 512]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    put(block, 148, format!("{sum:06o}\0 ").as_bytes());
}

impl Tar {
    /// Adds a block as it is.
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Adds data, padded.
    pub fn data(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub fn entry(self, header: Header<'_>, data: &[u8]) -> Self {
        self.raw(&header.block()).data(data)
    }

    pub fn file(self, name: &str, data: &[u8]) -> Self {
        self.entry(Header::new(name, b'0', data.len() as u64), data)
    }

    pub fn link(self, name: &str, kind: u8, target: &str) -> Self {
        self.entry(
            Header {
                link: target.as_bytes(),
                ..Header::new(name, kind, 0)
            },
            b"",
        )
    }

    /// Adds a pax header of one record.
    pub fn pax(self, kind: u8, key: &str, value: &str) -> Self {
        let rest = format!(" {key}={value}\n");
        let mut length = rest.len();
        while length.to_string().len() + rest.len() != length {
            length = length.to_string().len() + rest.len();
        }
        let record = format!("{length}{rest}");
        self.entry(
            Header::new("pax", kind, record.len() as u64),
            record.as_bytes(),
        )
    }

    /// The end mark.
    pub fn end(self) -> Vec<u8> {
        self.raw(&[0; 1024]).0
    }
}

/// A tar of one file.
pub fn one(name: &str, data: &[u8]) -> Vec<u8> {
    Tar::default().file(name, data).end()
}
