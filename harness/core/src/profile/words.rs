//! The two shapes that a profile is made of: a closed set of words, and a section of fields.

/// An enum whose variants are words. YAML may write a word that looks like a number or a truth
/// value without quotes: `triggers: [503]`, `honour_retry_after: true`.
macro_rules! words {
    ($(#[doc = $doc:literal])* $name:ident: $($(#[doc = $word_doc:literal])* $variant:ident = $word:literal),* $(,)?) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[doc = $word_doc])* $variant,)* }

        impl $name {
            /// Every word, as it stands in a profile.
            pub const WORDS: &'static [&'static str] = &[$($word),*];

            /// The word that stands for it in a profile.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Word;
                impl serde::de::Visitor<'_> for Word {
                    type Value = $name;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(f, "one of {}", $name::WORDS.join(", "))
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        match text {
                            $($word => Ok($name::$variant),)*
                            _ => Err(E::unknown_variant(text, $name::WORDS)),
                        }
                    }
                    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<$name, E> {
                        self.visit_str(if value { "true" } else { "false" })
                    }
                    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<$name, E> {
                        self.visit_str(&value.to_string())
                    }
                }
                deserializer.deserialize_any(Word)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let words = [$(($word, concat!($($word_doc),*))),*];
                $crate::profile::schema::of_words(concat!($($doc),*), &words)
            }
        }
    };
}

/// A struct whose fields all have a default, and in which an unknown key is an error.
macro_rules! section {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $ty:ty = $default:expr,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name { $($(#[$field_meta])* pub $field: $ty,)* }

        impl Default for $name {
            fn default() -> Self { $name { $($field: $default,)* } }
        }
    };
}
