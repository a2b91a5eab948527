//! Selecting values and fields, as a `get` with a query asks for them.

use std::sync::Arc;

use crate::id::Id;
use crate::message::{Content, Field, Rows, Select};
use crate::value::{Data, Value};

impl Select {
    /// Says whether a value has all that is asked for.
    ///
    /// Of an encrypted value nothing is known but its identifier: what else is asked for is compared
    /// with zero, or with nothing.
    #[must_use]
    pub fn matches(&self, value: &Value) -> bool {
        self.conditions.iter().all(|(field, content)| value.content(*field) == *content)
    }

    /// Returns the fields asked for of the values that have what is asked for; `None` if whole
    /// values are asked for.
    #[must_use]
    pub fn rows(&self, values: &[Arc<Value>]) -> Option<Rows> {
        if self.fields.is_empty() {
            return None;
        }
        let matching = values.iter().filter(|value| self.matches(value));
        let row = |value: &Arc<Value>| {
            self.fields.iter().map(|field| value.content(*field)).collect::<Vec<_>>()
        };
        Some(Rows { fields: self.fields.clone(), contents: matching.flat_map(row).collect() })
    }

    /// Says whether whoever was told what this one asks for also knows what `other` does.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let has_fields = self.fields.is_empty()
            || !other.fields.is_empty() && other.fields.iter().all(|f| self.fields.contains(f));
        has_fields && self.conditions.iter().all(|c| other.conditions.contains(c))
    }
}

impl Rows {
    /// Returns the content of a field, row by row; nothing if the rows do not have it.
    pub fn column(&self, field: Field) -> impl Iterator<Item = &Content> {
        let width = self.fields.len().max(1);
        let place = self.fields.iter().position(|have| *have == field);
        place.into_iter().flat_map(move |place| self.contents.iter().skip(place).step_by(width))
    }
}

impl Value {
    /// Returns a field as a query sees it.
    fn content(&self, field: Field) -> Content {
        let body = match &self.data {
            Data::Open { body, .. } => Some(body),
            Data::Encrypted(_) => None,
        };
        let owner = body.and_then(|body| body.owner.as_ref());
        match field {
            Field::Id => Content::Number(self.id),
            Field::Type => Content::Number(body.map_or(0, |body| body.kind.into())),
            Field::Owner => {
                let id = owner.map_or(Id::ZERO, |owner| Id::hash(&owner.key));
                Content::Bytes(id.as_bytes().to_vec().into())
            }
            Field::Sequence => Content::Number(owner.map_or(0, |owner| owner.sequence.into())),
            Field::UserType => {
                Content::Bytes(body.map_or_else(Default::default, |body| body.user_type.clone()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use crate::message::{Content, Field, Select};
    use crate::value::{Body, Data, Value};

    fn value(id: u64, kind: u16, user_type: &'static str) -> Arc<Value> {
        let body = Body { kind, user_type: user_type.into(), ..Body::default() };
        let data = Data::Open { body, signature: Bytes::new() };
        Arc::new(Value { id, data, priority: 0, push_type: Bytes::new() })
    }

    fn select(fields: &[Field], conditions: &[(Field, Content)]) -> Select {
        Select { fields: fields.to_vec(), conditions: conditions.to_vec() }
    }

    #[test]
    fn fields_come_row_by_row_of_what_matches() {
        let values = [value(1, 0, "text"), value(2, 3, "text"), value(3, 3, "")];
        let of_kind = (Field::Type, Content::Number(3));
        let rows = select(&[Field::Id, Field::UserType], &[of_kind]).rows(&values).unwrap();
        let text = Content::Bytes("text".into());
        let none = Content::Bytes(Bytes::new());
        assert_eq!(rows.contents, [Content::Number(2), text, Content::Number(3), none]);
        let ids: Vec<_> = rows.column(Field::Id).collect();
        assert_eq!(ids, [&Content::Number(2), &Content::Number(3)]);
        assert_eq!(rows.column(Field::Owner).count(), 0);
        assert_eq!(select(&[], &[]).rows(&values), None);
    }

    #[test]
    fn of_an_encrypted_value_only_its_identifier_is_known() {
        let data = Data::Encrypted(Bytes::from_static(b"cipher"));
        let value = Value { id: 7, data, priority: 0, push_type: Bytes::new() };
        assert!(select(&[], &[(Field::Id, Content::Number(7))]).matches(&value));
        assert!(!select(&[], &[(Field::Id, Content::Number(8))]).matches(&value));
        assert!(!select(&[], &[(Field::UserType, Content::Bytes("x".into()))]).matches(&value));
    }

    #[test]
    fn a_wider_question_covers_a_narrower_one() {
        let all = select(&[], &[]);
        let ids = select(&[Field::Id], &[]);
        let one = select(&[], &[(Field::Id, Content::Number(7))]);
        for (wide, narrow, covers) in [
            (&all, &ids, true),
            (&all, &one, true),
            (&ids, &all, false),
            (&one, &all, false),
            (&ids, &ids, true),
        ] {
            assert_eq!(wide.covers(narrow), covers, "{wide:?} {narrow:?}");
        }
    }
}
