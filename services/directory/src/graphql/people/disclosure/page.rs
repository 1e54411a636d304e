//! What is held about somebody, for them to read.

use maud::{Markup, html};
use web::page::{Particulars, rights};

use super::{Concern, DisclosedDetail, DisclosedEntry, DisclosedRecord};

/// What each part of the page is about, in their order.
const PARTS: [(Concern, &str); 5] = [
    (Concern::Record, "Your record"),
    (Concern::Role, "Your roles"),
    (Concern::Reading, "When somebody was shown who you are"),
    (Concern::Act, "What you did"),
    (Concern::Mention, "Where else you are named"),
];

pub(super) fn page(record: &DisclosedRecord) -> String {
    let parts = PARTS.map(|(concern, heading)| {
        let entries = record.entries.iter().filter(|entry| entry.concern == concern);
        (heading, entries.collect::<Vec<_>>())
    });
    let body = html! {
        p { "Put together on " (record.made_at.format("%-d %B %Y at %H:%M UTC")) " for the person recorded as " (record.person_id) "." }
        @for (heading, entries) in parts.iter().filter(|(_, entries)| !entries.is_empty()) {
            h2 { (heading) }
            (table(entries))
        }
        p {
            "What was done for a matter that is kept from some, such as a concern about a member of staff, is never listed \
             here, nor whether your record must be kept for an inquiry or a claim, whether or not it is so: ask for it, and \
             somebody decides."
        }
        (rights(&Particulars {
            purpose: "to know who may see and do what, and who answers for the safety of children online",
            source: "you, the school or trust, and its directory of staff",
            recipients: "those of the staff who answer for safeguarding and for data protection there, each time with a reason that is \
                         recorded",
            kept: "until six years after you leave, and longer only while there is a reason in law",
        }))
    };
    web::page::page("What is held about you", &body)
}

fn table(entries: &[&DisclosedEntry]) -> Markup {
    html! {
        table {
            thead { tr { th { "When (UTC)" } th { "What" } th { "Details" } th { "Done by you" } } }
            tbody {
                @for entry in entries {
                    tr {
                        td { (entry.at.format("%Y-%m-%d %H:%M:%S")) }
                        td { (entry.event.replace('-', " ")) }
                        td { @for detail in &entry.details { (shown(detail)) } }
                        td { @if entry.by_the_person { "yes" } }
                    }
                }
            }
        }
    }
}

fn shown(detail: &DisclosedDetail) -> Markup {
    html! {
        div { (detail.name) ": " @match &detail.value { Some(value) => (value), None => em { "forgotten" } } }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_somebody_is_called_is_text_on_the_page_and_no_markup() {
        let at = DateTime::UNIX_EPOCH;
        let details = vec![
            DisclosedDetail { name: "name".to_owned(), value: Some("<script>alert(1)</script> & Co".to_owned()) },
            DisclosedDetail { name: "email".to_owned(), value: None },
        ];
        let event = "person-recorded".to_owned();
        let entry = DisclosedEntry { at, concern: Concern::Record, event, by_the_person: false, details };
        let page = page(&DisclosedRecord { person_id: Uuid::nil(), made_at: at, entries: vec![entry] });
        assert!(page.contains("name: &lt;script&gt;alert(1)&lt;/script&gt; &amp; Co"), "{page}");
        assert!(page.contains("email: <em>forgotten</em>") && page.contains("person recorded"), "{page}");
        assert!(page.contains("<h2>Your record</h2>") && !page.contains("Your roles"), "{page}");
    }
}
