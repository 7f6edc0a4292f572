//! The shape of a YAML text before it has types: which keys it writes, and where. Here duplicate
//! keys are found, which the typed reader passes over or reports without a place.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// How many values a text may hold once its aliases are followed. A whole profile has about 100.
const MAX_VALUES: u32 = 10_000;

/// What a text writes at some path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// A value of its own: a scalar or a list.
    Value,
    /// A mapping: only the keys that stand in it are written.
    Section(BTreeMap<String, Written>),
}

/// The shape of `text`.
///
/// # Errors
/// The text is not YAML, a key stands twice, or following its aliases takes too long.
pub(super) fn written(text: &str) -> Result<Written, serde_yaml::Error> {
    let left = Cell::new(MAX_VALUES);
    Shape { left: &left }.deserialize(serde_yaml::Deserializer::from_str(text))
}

/// Where the value at `path` stands: line and column, from 1. `None` when the text has no such
/// value.
pub(super) fn place_of(text: &str, path: &[&str]) -> Option<(usize, usize)> {
    let error = At(path).deserialize(serde_yaml::Deserializer::from_str(text)).err()?;
    error.location().map(|place| (place.line(), place.column()))
}

/// Reads any value and keeps its shape.
#[derive(Clone, Copy)]
struct Shape<'a> {
    left: &'a Cell<u32>,
}

impl<'de> DeserializeSeed<'de> for Shape<'_> {
    type Value = Written;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Written, D::Error> {
        match self.left.get().checked_sub(1) {
            Some(left) => self.left.set(left),
            None => return Err(D::Error::custom(format!("more than {MAX_VALUES} values"))),
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Shape<'_> {
    type Value = Written;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scalar, a list or a mapping without tags")
    }
    fn visit_bool<E>(self, _: bool) -> Result<Written, E> {
        Ok(Written::Value)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Written, E> {
        Ok(Written::Value)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Written, E> {
        Ok(Written::Value)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Written, E> {
        Ok(Written::Value)
    }
    fn visit_str<E>(self, _: &str) -> Result<Written, E> {
        Ok(Written::Value)
    }
    fn visit_unit<E>(self) -> Result<Written, E> {
        Ok(Written::Value)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Written, A::Error> {
        while seq.next_element_seed(self)?.is_some() {}
        Ok(Written::Value)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Written, A::Error> {
        let mut keys = BTreeMap::new();
        while let Some(key) = map.next_key_seed(NewKey { before: &keys })? {
            let value = map.next_value_seed(self)?;
            keys.insert(key, value);
        }
        Ok(Written::Section(keys))
    }
}

/// Reads a key that must not stand among those before it. The error is raised while the key is
/// read, so that it carries the key's place.
struct NewKey<'a> {
    before: &'a BTreeMap<String, Written>,
}

impl<'de> DeserializeSeed<'de> for NewKey<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NewKey<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<String, E> {
        if self.before.contains_key(key) {
            return Err(E::custom(format!("the key `{key}` stands here for the second time")));
        }
        Ok(key.to_owned())
    }
}

/// Walks down a path and fails at its end: the error carries the place.
struct At<'a>(&'a [&'a str]);

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the end of the path")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((first, rest)) = self.0.split_first() else {
            return Err(A::Error::custom("the end of the path"));
        };
        while let Some(key) = map.next_key::<String>()? {
            if key == *first {
                map.next_value_seed(At(rest))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn shape_keeps_the_keys_that_are_written() {
        let Written::Section(keys) = written("a: {b: 1, c: [x, {y: z}]}\nd: null\n").unwrap() else {
            panic!()
        };
        let inner = BTreeMap::from([("b".to_owned(), Written::Value), ("c".to_owned(), Written::Value)]);
        assert_eq!(keys["a"], Written::Section(inner));
        assert_eq!(keys["d"], Written::Value);
    }

    #[test]
    fn duplicate_key_has_the_place_of_the_second() {
        let error = written("a:\n  b: 1\n  c: 2\n  b: 3\n").unwrap_err();
        let place = error.location().unwrap();
        assert_eq!((place.line(), place.column()), (4, 3), "{error}");
        let in_a_list = written("a:\n  - {b: 1, b: 2}\n").unwrap_err();
        assert_eq!(in_a_list.location().unwrap().column(), 12, "{in_a_list}");
    }

    #[test]
    fn place_is_that_of_the_value() {
        let text = "a:\n  b: 1\n  c:\n    - x\nd: {e: f}\n";
        assert_eq!(place_of(text, &["a", "b"]), Some((2, 6)));
        assert_eq!(place_of(text, &["d", "e"]), Some((5, 8)));
        assert_eq!(place_of(text, &["a", "z"]), None);
    }
}
