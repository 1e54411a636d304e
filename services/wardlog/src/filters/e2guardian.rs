//! e2guardian's configuration: one filter group, one deny list per category, one upstream proxy.

use std::{collections::BTreeMap, fmt::Write, path::PathBuf};

use anyhow::Result;

use super::place::Place;

/// The name of the one filter group.
const GROUP: &str = "learners";

/// What is done with a request: block what a list bans, and let the rest pass unread.
const STORY: &str = "\
function(checkrequest)
if(urlin,banned) return setblock
if(true) setgrey

function(checkresponse)
if(true) return false

function(sslrequestcheck)
if(sitein,banned) return setblock
";

/// Before it is known whose request it is, nothing is decided.
const STORY_BEFORE: &str = "\
function(pre-authcheck)
if(true) return false
";

/// Writes the configuration and says where it is.
pub(super) fn configure(place: &Place, denied: &[(&str, &str)], upstream: u16, port: u16) -> Result<PathBuf> {
    let banned = lists(place, denied)?;
    let story = place.write("group.story", STORY)?;
    let before = place.write("before.story", STORY_BEFORE)?;
    let download = place.write("download.conf", "plugname = 'default'\n")?;
    // The file of the first filter group is found by its name.
    place.write(
        "e2guardianf1.conf",
        &format!(
            r"groupname = '{GROUP}'
storyboard = '{story}'
sitelist = 'name=banned,messageno=500,path={banned}'
naughtynesslimit = 50
maxuploadsize = -1
reportinglevel = 3
sslmitm = off
",
            story = story.display(),
            banned = banned.display(),
        ),
    )?;
    place.write(
        "e2guardian.conf",
        &format!(
            r"languagedir = '/usr/share/e2guardian/languages'
language = 'ukenglish'
loglevel = 3
logexceptionhits = 2
logfileformat = 6
loglocation = '{directory}/access.log'
dstatlocation = '{directory}/dstats.log'
pidfilename = '{directory}/e2guardian.pid'
filecachedir = '{directory}'
filterip = 127.0.0.1
filterports = {port}
proxyip = 127.0.0.1
proxyport = {upstream}
proxytimeout = 20
connecttimeout = 5
proxyexchange = 61
pcontimeout = 55
filtergroups = 1
httpworkers = 20
nodaemon = on
enablessl = off
usecustombannedimage = off
usecustombannedflash = off
daemonuser = '{user}'
daemongroup = '{group}'
preauthstoryboard = '{before}'
downloadmanager = '{download}'
",
            directory = place.directory.display(),
            user = place.user.name,
            group = place.group()?,
            before = before.display(),
            download = download.display(),
        ),
    )
}

/// Writes one list per category, which carries its name into the log, and one that includes them all.
fn lists(place: &Place, denied: &[(&str, &str)]) -> Result<PathBuf> {
    let mut lists: BTreeMap<&str, String> = BTreeMap::new();
    for (domain, category) in denied {
        let list = lists.entry(category).or_insert_with(|| format!("#listcategory: \"{category}\"\n"));
        writeln!(list, "{domain}")?;
    }
    let mut all = String::new();
    for (category, list) in lists {
        let path = place.write(&format!("banned-{category}"), &list)?;
        writeln!(all, ".Include<{}>", path.display())?;
    }
    place.write("banned", &all)
}
