//! Types of methods, as class files write them: `(ILjava/lang/String;)V`.

/// What a method takes and gives.
#[derive(Debug, Default)]
pub(crate) struct Descriptor {
    /// One entry per argument: whether it takes two places.
    pub arguments: Vec<bool>,
    /// Places that the result takes.
    pub returns: usize,
}

impl Descriptor {
    /// Reads one; what breaks the form ends it.
    pub fn read(text: &str) -> Self {
        let mut descriptor = Self::default();
        let Some((arguments, result)) =
            text.strip_prefix('(').and_then(|rest| rest.split_once(')'))
        else {
            return descriptor;
        };
        let bytes = arguments.as_bytes();
        let mut at = 0;
        // The virtual machine takes 255 places at most.
        while at < bytes.len() && descriptor.arguments.len() < 255 {
            let array = bytes[at] == b'[';
            while bytes.get(at) == Some(&b'[') {
                at += 1;
            }
            let kind = bytes.get(at).copied().unwrap_or(b'I');
            if kind == b'L' {
                at += memchr::memchr(b';', &bytes[at..]).unwrap_or(bytes.len() - at);
            }
            at += 1;
            descriptor
                .arguments
                .push(!array && matches!(kind, b'J' | b'D'));
        }
        descriptor.returns = match result.as_bytes().first() {
            None | Some(b'V') => 0,
            Some(b'J' | b'D') => 2,
            Some(_) => 1,
        };
        descriptor
    }
}
