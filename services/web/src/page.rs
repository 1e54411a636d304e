//! Pages that people read who ask what is held about them: HTML in itself, that loads nothing.

use maud::{DOCTYPE, Markup, html};

/// A page with one heading.
pub fn page(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en-GB" {
            head {
                meta charset="utf-8";
                title { (title) }
            }
            body {
                h1 { (title) }
                (body)
            }
        }
    };
    page.into_string()
}

/// What the person may ask for; `kept` says for how long what is on the page is kept.
pub fn rights(kept: &str) -> Markup {
    html! {
        h2 { "What you may ask for" }
        p {
            (kept) " You may ask for what is wrong to be put right, for it to be erased or its use restricted, and you may object \
            to its use (UK GDPR Articles 16 to 18 and 21). If you are not content with the answer you may complain to the \
            Information Commissioner's Office (Article 77)."
        }
    }
}
