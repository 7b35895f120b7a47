//! Small .NET assemblies, byte by byte: one type, whose methods have tiny bodies or fat
//! ones, and references to what they call.

/// An assembly in the making.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    texts: Vec<u8>,
    user: Vec<u8>,
    blobs: Vec<u8>,
    types: Vec<(u16, u16)>,
    members: Vec<(u16, u16, u16)>,
    methods: Vec<(u16, u16, Option<Vec<u8>>)>,
    imports: Vec<(u16, u16)>,
}

fn short(number: usize) -> u16 {
    u16::try_from(number).unwrap()
}

impl Assembly {
    pub fn new() -> Self {
        Self {
            texts: vec![0],
            user: vec![0],
            blobs: vec![0],
            ..Self::default()
        }
    }

    fn name(&mut self, text: &str) -> u16 {
        let at = short(self.texts.len());
        self.texts.extend(text.bytes());
        self.texts.push(0);
        at
    }

    fn blob(&mut self, bytes: &[u8]) -> u16 {
        let at = short(self.blobs.len());
        self.blobs.push(u8::try_from(bytes.len()).unwrap());
        self.blobs.extend(bytes);
        at
    }

    /// `ldstr`.
    pub fn text(&mut self, text: &str) -> Vec<u8> {
        let at = u32::try_from(self.user.len()).unwrap();
        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let size = units.len() + 1;
        if size < 0x80 {
            self.user.push(u8::try_from(size).unwrap());
        } else {
            let size = 0x8000 | short(size);
            self.user.extend(size.to_be_bytes());
        }
        self.user.extend(units);
        self.user.push(0);
        [&[0x72], &(0x7000_0000 | at).to_le_bytes()[..]].concat()
    }

    /// A call of `Namespace.Type::Name`, by opcode: `call`, `callvirt` or `newobj`.
    pub fn call(&mut self, opcode: u8, target: &str, form: u8, args: u8, returns: bool) -> Vec<u8> {
        let (owner, name) = target.split_once("::").unwrap();
        let (space, kind) = owner.rsplit_once('.').unwrap();
        let (space, kind, name) = (self.name(space), self.name(kind), self.name(name));
        self.types.push((kind, space));
        let parent = short(self.types.len()) << 3 | 1;
        let mut signature = vec![form, args, if returns { 0x1C } else { 1 }];
        signature.extend(std::iter::repeat_n(0x0E, usize::from(args)));
        let signature = self.blob(&signature);
        self.members.push((parent, name, signature));
        let token = 0x0A00_0000 | u32::try_from(self.members.len()).unwrap();
        [&[opcode], &token.to_le_bytes()[..]].concat()
    }

    /// A static method without arguments.
    pub fn method(&mut self, name: &str, code: Vec<u8>) {
        let (name, signature) = (self.name(name), self.blob(&[0, 0, 1]));
        self.methods.push((name, signature, Some(code)));
    }

    /// A function of a native library, and a call of it.
    pub fn import(&mut self, function: &str, args: u8) -> Vec<u8> {
        let name = self.name(function);
        let mut signature = vec![0, args, 0x18];
        signature.extend(std::iter::repeat_n(0x18, usize::from(args)));
        let signature = self.blob(&signature);
        self.methods.push((name, signature, None));
        let row = short(self.methods.len());
        self.imports.push((row << 1 | 1, name));
        [&[0x28], &(0x0600_0000 | u32::from(row)).to_le_bytes()[..]].concat()
    }

    fn tables(&mut self, addresses: &[u32]) -> Vec<u8> {
        let (kind, space, library) = (self.name("Program"), self.name("Demo"), self.name("a.dll"));
        let valid: u64 = 1 << 1 | 1 << 2 | 1 << 6 | 1 << 10 | 1 << 26 | 1 << 28;
        let mut out = vec![0, 0, 0, 0, 2, 0, 0, 1];
        out.extend(valid.to_le_bytes());
        out.extend([0; 8]);
        for rows in [
            self.types.len(),
            1,
            self.methods.len(),
            self.members.len(),
            1,
            self.imports.len(),
        ] {
            out.extend(u32::try_from(rows).unwrap().to_le_bytes());
        }
        let mut put = |cells: &[u16]| {
            for cell in cells {
                out.extend(cell.to_le_bytes());
            }
        };
        for (name, space) in &self.types {
            put(&[0, *name, *space]);
        }
        put(&[0, 0, kind, space, 0, 1, 1]);
        for ((name, signature, _), address) in self.methods.iter().zip(addresses) {
            let high = u16::try_from(address >> 16).unwrap();
            let low = u16::try_from(address & 0xFFFF).unwrap();
            put(&[low, high, 0, 0x10, *name, *signature, 1]);
        }
        for (parent, name, signature) in &self.members {
            put(&[*parent, *name, *signature]);
        }
        put(&[library]);
        for (member, name) in &self.imports {
            put(&[0, *member, *name, 1]);
        }
        out
    }

    /// The PE file: one section at 0x2000.
    pub fn build(mut self) -> Vec<u8> {
        let mut body = vec![0; 72];
        let mut addresses = Vec::new();
        for (_, _, code) in &self.methods {
            let Some(code) = code else {
                addresses.push(0);
                continue;
            };
            body.resize(body.len().next_multiple_of(4), 0);
            addresses.push(u32::try_from(0x2000 + body.len()).unwrap());
            body.extend([0x13, 0x30, 8, 0]);
            body.extend(u32::try_from(code.len()).unwrap().to_le_bytes());
            body.extend([0; 4]);
            body.extend(code);
        }
        let tables = self.tables(&addresses);
        let start = body.len();
        let mut root = b"BSJB\x01\0\x01\0\0\0\0\0\x0C\0\0\0v4.0.30319\0\0\0\0\x04\0".to_vec();
        let streams: [(&[u8], &[u8]); 4] = [
            (b"#~\0\0", &tables),
            (b"#Strings\0\0\0\0", &self.texts),
            (b"#US\0", &self.user),
            (b"#Blob\0\0\0", &self.blobs),
        ];
        let heads: usize = streams.iter().map(|(name, _)| 8 + name.len()).sum();
        let mut at = root.len() + heads;
        for (name, content) in streams {
            root.extend(u32::try_from(at).unwrap().to_le_bytes());
            root.extend(u32::try_from(content.len()).unwrap().to_le_bytes());
            root.extend(name);
            at += content.len();
        }
        for (_, content) in streams {
            root.extend(content);
        }
        let size = u32::try_from(root.len()).unwrap().to_le_bytes();
        body.extend(root);
        body[0..4].copy_from_slice(&72_u32.to_le_bytes());
        let address = u32::try_from(0x2000 + start).unwrap().to_le_bytes();
        body[8..12].copy_from_slice(&address);
        body[12..16].copy_from_slice(&size);
        [headers(body.len()), body].concat()
    }
}

fn headers(size: usize) -> Vec<u8> {
    let mut file = vec![0; 0x200];
    let size = u32::try_from(size).unwrap().to_le_bytes();
    for (at, bytes) in [
        (0, &b"MZ"[..]),
        (0x3C, &0x80_u32.to_le_bytes()),
        (0x80, b"PE\0\0\x4C\x01\x01\0"),
        (0x94, &0xE0_u16.to_le_bytes()),
        (0x98, &0x10B_u16.to_le_bytes()),
        (0x98 + 92, &16_u32.to_le_bytes()),
        (0x98 + 96 + 14 * 8, &0x2000_u32.to_le_bytes()),
        (0x98 + 96 + 14 * 8 + 4, &72_u32.to_le_bytes()),
        (0x178, b".text"),
        (0x178 + 8, &size),
        (0x178 + 12, &0x2000_u32.to_le_bytes()),
        (0x178 + 16, &size),
        (0x178 + 20, &0x200_u32.to_le_bytes()),
    ] {
        file[at..at + bytes.len()].copy_from_slice(bytes);
    }
    file
}
