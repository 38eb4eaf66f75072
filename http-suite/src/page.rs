//! Reads our own pages: their forms, and what they show that a person would copy.

/// A form on a page.
#[derive(Clone, Debug)]
pub struct Form {
    /// Where it is posted to.
    pub action: String,
    /// Its hidden fields with their values.
    pub hidden: Vec<(String, String)>,
    /// The names of the fields a person fills in, and of buttons with the value each stands for.
    pub open: Vec<(String, String)>,
}

impl Form {
    /// A hidden field's value.
    pub fn hidden(&self, name: &str) -> Option<&str> {
        self.hidden.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether a person can fill this in or press it.
    pub fn has(&self, name: &str) -> bool {
        self.open.iter().any(|(known, _)| known == name)
    }
}

/// Text between two marks.
pub fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    Some(text.split_once(before)?.1.split_once(after)?.0)
}

/// Text as the browser shows it.
pub fn unescape(text: &str) -> String {
    text.replace("&#38;", "&")
        .replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    between(tag, &format!(" {name}=\""), "\"").map(unescape)
}

/// All forms that are posted.
pub fn forms(html: &str) -> Vec<Form> {
    let inside = html.split("<form ").skip(1).filter_map(|rest| rest.split_once("</form>"));
    inside.map(|(inside, _)| form(&format!(" {inside}"))).collect()
}

fn form(html: &str) -> Form {
    let head = html.split('>').next().unwrap_or_default();
    let mut form =
        Form { action: attribute(head, "action").unwrap_or_default(), hidden: Vec::new(), open: Vec::new() };
    for element in ["<input", "<button"] {
        for rest in html.split(element).skip(1) {
            let tag = rest.split('>').next().unwrap_or_default();
            let Some(name) = attribute(tag, "name") else { continue };
            let field = (name, attribute(tag, "value").unwrap_or_default());
            if attribute(tag, "type").as_deref() == Some("hidden") {
                form.hidden.push(field);
            } else {
                form.open.push(field);
            }
        }
    }
    form
}

/// The link that a person opens in their authenticator app.
pub fn otpauth(html: &str) -> Option<String> {
    between(html, "href=\"otpauth:", "\"").map(|rest| unescape(&format!("otpauth:{rest}")))
}

/// The backup codes on the page that shows them.
pub fn backup_codes(html: &str) -> Vec<String> {
    let Some(list) = between(html, "id=\"codes\"", "</ul>") else { return Vec::new() };
    list.split("<li>")
        .skip(1)
        .filter_map(|rest| rest.split_once("</li>"))
        .map(|(code, _)| code.to_owned())
        .collect()
}

/// The value of the button that chooses a method, by its words.
pub fn choice(html: &str, words: &str) -> Option<String> {
    let before = html.split(words).next().filter(|before| before.len() < html.len())?;
    attribute(before.rsplit("<button").next()?, "value")
}
