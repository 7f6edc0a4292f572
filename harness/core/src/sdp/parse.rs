//! From octets to a session description.

use std::ops::Range;

use super::{Attribute, Connection, Media, Origin, SdpDefect, SdpDefectKind, Session};

/// The order of lines in RFC 8866 section 5: of the session before the first `m=`, and of a media
/// description. Lines that we do not read are known here so that their order is checked too.
const SESSION_ORDER: &str = "vosiuepcbtrzka";
const MEDIA_ORDER: &str = "micbka";
/// Lines that may stand more than once in their place.
const REPEATABLE: &str = "epbtrac";

impl Session {
    /// Reads a description. Never fails: what is wrong becomes a defect.
    pub fn parse(raw: &[u8]) -> Session {
        let mut reader = Reader::default();
        let mut start = 0;
        while start < raw.len() {
            let stop = raw[start..].iter().position(|octet| *octet == b'\n').map_or(raw.len(), |n| start + n);
            let line = &raw[start..stop];
            match line.strip_suffix(b"\r") {
                Some(line) => reader.line(line, start),
                None => {
                    reader.defect(SdpDefectKind::BareLineFeed, start..stop);
                    reader.line(line, start);
                }
            }
            start = stop + 1;
        }
        reader.finish(raw.len())
    }
}

#[derive(Default)]
struct Reader {
    session: Session,
    /// The letters of the session part (or of the current media description) so far, each once.
    seen: String,
    seen_in_session: String,
    last: Option<char>,
}

impl Reader {
    fn defect(&mut self, kind: SdpDefectKind, span: Range<usize>) {
        // Line ends are said once, not for each line.
        let said = |defect: &SdpDefect| kind == SdpDefectKind::BareLineFeed && defect.kind == kind;
        if !self.session.defects.iter().any(said) {
            self.session.defects.push(SdpDefect { kind, span });
        }
    }

    fn line(&mut self, line: &[u8], start: usize) {
        let span = start..start + line.len();
        if std::str::from_utf8(line).is_err() {
            self.defect(SdpDefectKind::NotUtf8, span.clone());
        }
        let text = String::from_utf8_lossy(line);
        let mut chars = text.chars();
        let (Some(letter @ 'a'..='z'), Some('=')) = (chars.next(), chars.next()) else {
            return self.defect(SdpDefectKind::BadLine, span);
        };
        self.check_order(letter, &span);
        if let Err(kind) = self.value(letter, chars.as_str()) {
            self.defect(kind, span);
        }
    }

    fn check_order(&mut self, letter: char, span: &Range<usize>) {
        if letter == 'm' {
            if self.session.media.is_empty() {
                self.seen_in_session = std::mem::take(&mut self.seen);
            }
            self.seen.clear();
        }
        let order = if letter == 'm' || !self.session.media.is_empty() { MEDIA_ORDER } else { SESSION_ORDER };
        let repeated = self.seen.contains(letter) && !REPEATABLE.contains(letter);
        let fits = match order.find(letter) {
            Some(place) => !self.seen.chars().any(|seen| order.find(seen) > Some(place)),
            None => false,
        };
        // `r=` belongs to the `t=` before it, so another `t=` may follow.
        let fits = fits || (letter == 't' && self.last == Some('r'));
        if repeated || !fits {
            self.defect(SdpDefectKind::OutOfOrder, span.clone());
        }
        if !self.seen.contains(letter) {
            self.seen.push(letter);
        }
        self.last = Some(letter);
    }

    fn value(&mut self, letter: char, value: &str) -> Result<(), SdpDefectKind> {
        match letter {
            'v' if value.trim() != "0" => return Err(SdpDefectKind::BadVersion),
            'o' => self.session.origin = Some(origin(value).ok_or(SdpDefectKind::BadOrigin)?),
            's' => self.session.name = value.to_owned(),
            't' => {
                self.session.times.push(value.to_owned());
                let numbers = value.split(' ').filter(|part| part.parse::<u64>().is_ok()).count();
                if numbers != 2 || value.split(' ').count() != 2 {
                    return Err(SdpDefectKind::BadTime);
                }
            }
            'c' => {
                let connection = Some(connection(value).ok_or(SdpDefectKind::BadConnection)?);
                match self.session.media.last_mut() {
                    Some(media) => media.connection = connection,
                    None => self.session.connection = connection,
                }
            }
            'm' => {
                let (media, sound) = media(value);
                self.session.media.push(media);
                return if sound { Ok(()) } else { Err(SdpDefectKind::BadMedia) };
            }
            'a' => {
                let attribute = attribute(value);
                let sound = attribute_is_sound(&attribute);
                match self.session.media.last_mut() {
                    Some(media) => media.attributes.push(attribute),
                    None => self.session.attributes.push(attribute),
                }
                return if sound { Ok(()) } else { Err(SdpDefectKind::BadAttribute) };
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(mut self, end: usize) -> Session {
        let session_part = if self.session.media.is_empty() { &self.seen } else { &self.seen_in_session };
        let missing = "vost".chars().any(|letter| !session_part.contains(letter));
        // A broken `c=` has its own defect already.
        let broken = self.session.defects.iter().any(|defect| defect.kind == SdpDefectKind::BadConnection);
        let homeless = self.session.connection.is_none()
            && self.session.media.iter().any(|media| media.connection.is_none() && media.port != 0);
        if missing || (homeless && !broken) {
            self.defect(SdpDefectKind::MissingLine, end..end);
        }
        self.session
    }
}

fn origin(value: &str) -> Option<Origin> {
    let parts: Vec<&str> = value.split(' ').collect();
    let [user, session_id, version, net, family, address] = parts[..] else { return None };
    Some(Origin {
        user: user.to_owned(),
        session_id: session_id.parse().ok()?,
        version: version.parse().ok()?,
        address: connection(&format!("{net} {family} {address}"))?,
    })
}

fn connection(value: &str) -> Option<Connection> {
    let parts: Vec<&str> = value.split(' ').collect();
    let ["IN", family, address] = parts[..] else { return None };
    let v6 = match family {
        "IP4" => false,
        "IP6" => true,
        _ => return None,
    };
    let connection = Connection { v6, address: address.to_owned() };
    // A name is welcome; an address of the other family is not.
    let literal =
        address.contains(':') || address.bytes().all(|octet| octet.is_ascii_digit() || octet == b'.');
    (!address.is_empty() && (!(literal || address.contains('/')) || connection.ip().is_some()))
        .then_some(connection)
}

/// The media description, and whether its line was sound. A broken one keeps its place, since an
/// answer matches streams by their order (RFC 3264 section 6).
fn media(value: &str) -> (Media, bool) {
    let mut parts = value.split(' ').filter(|part| !part.is_empty());
    let (kind, port, protocol) = (parts.next(), parts.next(), parts.next());
    let formats: Vec<String> = parts.map(str::to_owned).collect();
    let port_number = port.and_then(|port| {
        let (port, count) = port.split_once('/').unwrap_or((port, "1"));
        count.parse::<u16>().ok()?;
        port.parse::<u16>().ok()
    });
    let rtp = protocol.is_some_and(|protocol| protocol.starts_with("RTP/"));
    let numbers = formats.iter().all(|format| format.parse::<u8>().is_ok_and(|number| number < 128));
    let sound = port_number.is_some() && !formats.is_empty() && (!rtp || numbers);
    let media = Media {
        kind: kind.unwrap_or_default().to_owned(),
        port: port_number.unwrap_or_default(),
        protocol: protocol.unwrap_or_default().to_owned(),
        formats,
        connection: None,
        attributes: Vec::new(),
    };
    (media, sound)
}

fn attribute(value: &str) -> Attribute {
    match value.split_once(':') {
        Some((name, value)) => Attribute { name: name.to_owned(), value: Some(value.to_owned()) },
        None => Attribute { name: value.to_owned(), value: None },
    }
}

fn attribute_is_sound(attribute: &Attribute) -> bool {
    let map_is_sound = |value: &str| {
        let (number, encoding) = value.split_once(' ')?;
        let (_, clock) = encoding.trim().split_once('/')?;
        let clock = clock.split('/').next()?;
        Some(number.parse::<u8>().is_ok_and(|number| number < 128) && clock.parse::<u32>().is_ok())
    };
    match (attribute.name.as_str(), attribute.value.as_deref()) {
        ("rtpmap", value) => value.and_then(map_is_sound) == Some(true),
        ("ptime", value) => value.is_some_and(|value| value.trim().parse::<f64>().is_ok()),
        ("", _) => false,
        // Directions take no value.
        (name, Some(_)) => super::Direction::named(name).is_none(),
        (_, None) => true,
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::super::Direction;
    use super::*;

    const GOOD: &str = "v=0\r\no=jdoe 3724394400 3724394405 IN IP4 198.51.100.1\r\ns=Call\r\n\
        c=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0 8 97\r\na=rtpmap:97 iLBC/8000\r\n\
        a=ptime:20\r\na=sendonly\r\nm=video 51372 RTP/AVP 31\r\nc=IN IP6 2001:db8::2\r\n";

    fn kinds(text: &str) -> Vec<SdpDefectKind> {
        Session::parse(text.as_bytes()).defects.into_iter().map(|defect| defect.kind).collect()
    }

    #[test]
    fn reads_a_description_whole() {
        let session = Session::parse(GOOD.as_bytes());
        assert_eq!(session.defects, []);
        let origin = session.origin.as_ref().expect("o=");
        assert_eq!((origin.session_id, origin.version), (3_724_394_400, 3_724_394_405));
        let (audio, video) = (&session.media[0], &session.media[1]);
        assert_eq!(audio.formats, ["0", "8", "97"]);
        assert_eq!(audio.rtpmap("97"), Some(("iLBC", 8000)));
        assert_eq!(session.direction(audio), Direction::SendOnly);
        assert_eq!(session.direction(video), Direction::SendRecv);
        let address = |text: &str| Some(text.parse::<SocketAddr>().expect("an address"));
        assert_eq!(session.address(audio), address("198.51.100.1:49170"));
        assert_eq!(session.address(video), address("[2001:db8::2]:51372"));
        assert!(session.holds());
    }

    #[test]
    fn a_session_direction_holds_for_streams_without_their_own() {
        let text = GOOD.replace("t=0 0\r\n", "t=0 0\r\na=inactive\r\n");
        let session = Session::parse(text.as_bytes());
        assert_eq!(session.direction(&session.media[0]), Direction::SendOnly);
        assert_eq!(session.direction(&session.media[1]), Direction::Inactive);
    }

    #[test]
    fn the_unspecified_address_holds() {
        let text = GOOD.replace("a=sendonly\r\n", "");
        assert!(!Session::parse(text.as_bytes()).holds());
        let text = text.replace("c=IN IP4 198.51.100.1", "c=IN IP4 0.0.0.0");
        assert!(Session::parse(text.as_bytes()).holds());
    }

    #[test]
    fn each_defect_is_named() {
        use SdpDefectKind::*;
        let with = |from: &str, to: &str| {
            assert!(GOOD.contains(from), "{from}");
            kinds(&GOOD.replace(from, to))
        };
        assert_eq!(with("v=0", "v=1"), [BadVersion]);
        assert_eq!(with("o=jdoe ", "o="), [BadOrigin]);
        assert_eq!(with("3724394405", "new"), [BadOrigin]);
        assert_eq!(with("s=Call", "sCall"), [BadLine, MissingLine]);
        assert_eq!(with("c=IN IP4 198.51.100.1", "c=IN IP6 198.51.100.1"), [BadConnection]);
        assert_eq!(with("c=IN IP4 198.51.100.1\r\n", ""), [MissingLine]);
        assert_eq!(with("t=0 0", "t=0"), [BadTime]);
        assert_eq!(with("t=0 0\r\n", ""), [MissingLine]);
        assert_eq!(with("49170", "491700"), [BadMedia]);
        assert_eq!(with("0 8 97", "0 8 297"), [BadMedia]);
        assert_eq!(with("0 8 97", ""), [BadMedia]);
        assert_eq!(with("iLBC/8000", "iLBC"), [BadAttribute]);
        assert_eq!(with("t=0 0\r\n", "t=0 0\r\ns=again\r\n"), [OutOfOrder]);
        assert_eq!(with("a=sendonly", "o=x"), [OutOfOrder, BadOrigin]);
        assert_eq!(kinds(&GOOD.replace("\r\n", "\n")), [BareLineFeed]);
        assert_eq!(kinds(""), [MissingLine]);
        assert_eq!(
            Session::parse(b"v=0\r\ns=\xff\r\n").defects.iter().map(|d| d.kind).collect::<Vec<_>>(),
            [NotUtf8, MissingLine]
        );
    }

    #[test]
    fn a_broken_stream_keeps_its_place() {
        let session = Session::parse(GOOD.replace("49170", "x").as_bytes());
        assert_eq!(session.media.len(), 2);
        assert_eq!(session.media[0].port, 0);
    }
}
