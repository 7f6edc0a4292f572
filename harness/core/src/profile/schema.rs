//! The JSON schema of a profile, with which editors complete and check it while it is written.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::Profile;

/// The schema (JSON Schema draft 7, which editors' YAML modes read), from the profile's types and
/// their comments.
pub fn schema() -> Value {
    let mut schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<Profile>();
    schema.insert("title".to_owned(), json!("A profile of sipfarm"));
    schema.insert("required".to_owned(), json!(["schema", "id"]));
    schema.to_value()
}

/// The schema of a closed set of words. YAML reads `503` and `true` without quotes as a number and
/// a truth value, and a profile may write them so.
pub(super) fn of_words(what: &str, words: &[(&str, &str)]) -> Schema {
    let bare = |word: &str| serde_json::from_str::<Value>(word).ok();
    let alternatives: Vec<Value> = words
        .iter()
        .flat_map(|(word, meaning)| {
            let written = std::iter::once(json!(word)).chain(bare(word));
            written.map(|value| json!({ "const": value, "description": meaning.trim() })).collect::<Vec<_>>()
        })
        .collect();
    schemars::json_schema!({ "description": what.trim(), "oneOf": alternatives })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field<'a>(schema: &'a Value, section: &str, field: &str) -> &'a Value {
        &schema["definitions"][section]["properties"][field]
    }

    #[test]
    fn it_knows_fields_words_and_what_is_required() {
        let schema = schema();
        assert_eq!(schema["additionalProperties"], json!(false));
        assert_eq!(schema["required"], json!(["schema", "id"]));
        assert!(
            field(&schema, "Failover", "retry_count")["description"].as_str().is_some_and(|d| !d.is_empty())
        );
        let triggers: Vec<&Value> = schema["definitions"]["Trigger"]["oneOf"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|alternative| &alternative["const"])
            .collect();
        assert!(triggers.contains(&&json!("503")) && triggers.contains(&&json!(503)));
        assert!(triggers.contains(&&json!("timeout")) && !triggers.contains(&&json!("tempest")));
    }
}
