//! Texts made from a file's text, and where each part of them stands in it.

use std::ops::Range;

/// A text taken out of a file, or rewritten, that knows its origin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text {
    /// The characters.
    pub text: String,
    /// Where parts begin: here, and in the file. Ordered by the first.
    marks: Vec<(usize, usize)>,
}

/// Most marks kept: a text of more parts points at coarser places.
const MARKS: usize = 200_000;

impl Text {
    /// A file's own text, or a part of it that begins at `start`.
    pub fn of(text: &str, start: usize) -> Self {
        Self {
            text: text.into(),
            marks: vec![(0, start)],
        }
    }

    /// Adds a part that stands at `origin` in the file.
    pub fn push(&mut self, origin: usize, part: &str) {
        let known = self
            .marks
            .last()
            .is_some_and(|(here, there)| there.saturating_add(self.text.len() - here) == origin);
        if !known && self.marks.len() < MARKS {
            self.marks.push((self.text.len(), origin));
        }
        self.text.push_str(part);
    }

    /// Where an offset stands in the file.
    pub fn origin(&self, offset: usize) -> usize {
        let index = self.marks.partition_point(|(here, _)| *here <= offset);
        match index.checked_sub(1).and_then(|index| self.marks.get(index)) {
            Some((here, there)) => {
                let next = self
                    .marks
                    .get(index)
                    .map_or(usize::MAX, |(_, there)| *there);
                let place = there + (offset - here);
                if next >= *there {
                    place.min(next)
                } else {
                    place
                }
            }
            None => offset,
        }
    }

    /// Where a range stands in the file.
    pub fn place(&self, range: &Range<usize>) -> Range<usize> {
        let start = self.origin(range.start);
        start..self.origin(range.end.max(range.start)).max(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_the_parts() {
        let mut text = Text::default();
        text.push(10, "abc");
        text.push(13, "def");
        text.push(40, "gh");
        assert_eq!(text.text, "abcdefgh");
        assert_eq!(
            (text.origin(0), text.origin(4), text.origin(6)),
            (10, 14, 40)
        );
        assert_eq!(text.place(&(1..7)), 11..41);
        assert_eq!(Text::of("xy", 5).place(&(0..1)), 5..6);
    }
}
