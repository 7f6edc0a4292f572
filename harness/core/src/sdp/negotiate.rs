//! Offer and answer (RFC 3264).

use std::net::SocketAddr;

use super::{Attribute, Connection, Direction, Media, Origin, Session};

/// A codec for RTP with the payload type we give it (RFC 3551 section 6, RFC 4733 section 3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Codec {
    /// Encoding name; compares without case.
    pub name: &'static str,
    /// Clock rate in hertz.
    pub clock_hz: u32,
    /// Payload type: static below 96, our choice from there on.
    pub payload: u8,
}

impl Codec {
    /// G.711 µ-law.
    pub const PCMU: Codec = Codec { name: "PCMU", clock_hz: 8000, payload: 0 };
    /// G.711 A-law.
    pub const PCMA: Codec = Codec { name: "PCMA", clock_hz: 8000, payload: 8 };
    /// Key presses as RTP events.
    pub const TELEPHONE_EVENT: Codec = Codec { name: "telephone-event", clock_hz: 8000, payload: 101 };

    /// Whether a format of that stream is this codec, by its rtpmap or by its static number.
    fn is_format(&self, media: &Media, format: &str) -> bool {
        match media.rtpmap(format) {
            Some((name, clock)) => name.eq_ignore_ascii_case(self.name) && clock == self.clock_hz,
            None => self.payload < 96 && format.parse() == Ok(self.payload),
        }
    }
}

/// Where and how one side wants to hear the other's audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sink {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it understands best.
    pub codec: Codec,
    /// The payload type by which it knows that codec.
    pub payload_type: u8,
}

/// What one side brings into the negotiation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// Where it wants to receive audio. An IPv6 address makes `IP6` lines.
    pub address: SocketAddr,
    /// The codecs it speaks, most wanted first.
    pub codecs: Vec<Codec>,
    /// Which way it wants audio to flow.
    pub direction: Direction,
    /// The number of the session in `o=`, constant over its life.
    pub session_id: u64,
    /// The version in `o=`: one more for each description that differs (RFC 3264 section 8).
    pub version: u64,
}

impl Local {
    /// G.711 both ways, in a first description.
    pub fn g711(address: SocketAddr, session_id: u64) -> Self {
        let codecs = vec![Codec::PCMU, Codec::PCMA];
        Local { address, codecs, direction: Direction::SendRecv, session_id, version: session_id }
    }

    fn session(&self, times: Vec<String>, media: Vec<Media>) -> Session {
        let address = Connection::at(self.address.ip());
        Session {
            origin: Some(Origin {
                user: "-".to_owned(),
                session_id: self.session_id,
                version: self.version,
                address: address.clone(),
            }),
            name: "-".to_owned(),
            connection: Some(address),
            times,
            media,
            ..Session::default()
        }
    }

    /// An audio stream of ours with these payload types.
    fn stream(&self, protocol: &str, codecs: &[(String, Codec)], direction: Direction) -> Media {
        let map = |(format, codec): &(String, Codec)| Attribute {
            name: "rtpmap".to_owned(),
            value: Some(format!("{format} {}/{}", codec.name, codec.clock_hz)),
        };
        let direction = Attribute { name: direction.as_str().to_owned(), value: None };
        Media {
            kind: "audio".to_owned(),
            port: self.address.port(),
            protocol: protocol.to_owned(),
            formats: codecs.iter().map(|(format, _)| format.clone()).collect(),
            connection: None,
            attributes: codecs.iter().map(map).chain([direction]).collect(),
        }
    }
}

impl Session {
    /// An offer of one audio stream (RFC 3264 section 5).
    pub fn offer(local: &Local) -> Session {
        let codecs: Vec<_> = local.codecs.iter().map(|codec| (codec.payload.to_string(), *codec)).collect();
        let stream = local.stream("RTP/AVP", &codecs, local.direction);
        local.session(vec!["0 0".to_owned()], vec![stream])
    }

    /// Where whoever wrote this is to be sent audio by someone who wants `wish`; `None` while nothing may
    /// be sent (RFC 3264 sections 5.1, 6.1 and 8.4), or nothing but codecs that we do not speak.
    pub fn sink(&self, wish: Direction) -> Option<Sink> {
        let audio = self.audio().filter(|media| self.direction(media).receives() && wish.sends())?;
        let address = self.address(audio).filter(|address| !address.ip().is_unspecified())?;
        audio.formats.iter().find_map(|format| {
            let codec =
                [Codec::PCMU, Codec::PCMA].into_iter().find(|codec| codec.is_format(audio, format))?;
            Some(Sink { address, codec, payload_type: format.parse().ok()? })
        })
    }

    /// The answer to this offer (RFC 3264 section 6): the first audio stream with a common codec is
    /// accepted, with the offer's payload types in the offer's order; all others are rejected with
    /// port 0. When [`Session::audio`] of the answer is `None`, nothing was in common, and the
    /// offer is to be refused as a whole (488).
    pub fn answer(&self, local: &Local) -> Session {
        let mut accepted = false;
        let answer = |offered: &Media| {
            let common = if accepted { Vec::new() } else { common_codecs(offered, &local.codecs) };
            if common.iter().all(|(_, codec)| *codec == Codec::TELEPHONE_EVENT) {
                return Media { port: 0, connection: None, attributes: Vec::new(), ..offered.clone() };
            }
            accepted = true;
            local.stream(&offered.protocol, &common, self.direction(offered).answer(local.direction))
        };
        let media = self.media.iter().map(answer).collect();
        local.session(self.times.clone(), media)
    }
}

/// What both sides speak, with the payload types and in the order of the offer. Nothing for
/// streams that we cannot take: not audio, not plain RTP, offered with port 0.
fn common_codecs(offered: &Media, ours: &[Codec]) -> Vec<(String, Codec)> {
    if offered.kind != "audio" || offered.protocol != "RTP/AVP" || offered.port == 0 {
        return Vec::new();
    }
    let match_of = |format: &String| {
        let codec = ours.iter().find(|codec| codec.is_format(offered, format))?;
        Some((format.clone(), *codec))
    };
    offered.formats.iter().filter_map(match_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(address: &str) -> Local {
        Local::g711(address.parse().expect("an address"), 7)
    }

    #[test]
    fn an_offer_is_written_as_rfc_8866_wants_it() {
        let offer = Session::offer(&local("192.0.2.1:4000"));
        assert_eq!(
            offer.to_string(),
            "v=0\r\no=- 7 7 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
             m=audio 4000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n"
        );
        assert_eq!(Session::parse(offer.to_string().as_bytes()), offer);
    }

    #[test]
    fn an_offer_over_ipv6_goes_there_and_back() {
        let offer = Session::offer(&local("[2001:db8::1]:4000"));
        assert!(offer.to_string().contains("c=IN IP6 2001:db8::1\r\n"));
        assert_eq!(Session::parse(offer.to_string().as_bytes()), offer);
    }

    #[test]
    fn an_answer_keeps_order_and_numbers_of_the_offer() {
        let offer = Session::parse(
            b"v=0\r\no=a 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=5 6\r\n\
              m=audio 9000 RTP/AVP 8 18 0 99\r\na=rtpmap:99 telephone-event/8000\r\n",
        );
        let codecs = vec![Codec::PCMU, Codec::PCMA, Codec::TELEPHONE_EVENT];
        let answer = offer.answer(&Local { codecs, ..local("192.0.2.1:4000") });
        assert_eq!(answer.media[0].formats, ["8", "0", "99"]);
        assert_eq!(answer.media[0].rtpmap("99"), Some(("telephone-event", 8000)));
        assert_eq!(answer.times, ["5 6"]);
        assert_eq!(Session::parse(answer.to_string().as_bytes()), answer);
    }

    #[test]
    fn a_dynamic_number_may_carry_g711() {
        let offer = Session::parse(
            b"v=0\r\no=a 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
              m=audio 9000 RTP/AVP 100 0\r\na=rtpmap:100 pcma/8000\r\na=rtpmap:0 L16/8000\r\n",
        );
        assert_eq!(offer.answer(&local("192.0.2.1:4000")).media[0].formats, ["100"]);
    }

    /// The table of RFC 3264 section 6.1, for every wish.
    #[test]
    fn directions_answer_each_other() {
        use Direction::*;
        let table = [
            (SendRecv, [SendRecv, SendOnly, RecvOnly, Inactive]),
            (SendOnly, [RecvOnly, Inactive, RecvOnly, Inactive]),
            (RecvOnly, [SendOnly, SendOnly, Inactive, Inactive]),
            (Inactive, [Inactive; 4]),
        ];
        for (offered, answers) in table {
            for (wish, answer) in [SendRecv, SendOnly, RecvOnly, Inactive].into_iter().zip(answers) {
                let offer = Session::offer(&Local { direction: offered, ..local("192.0.2.9:9000") });
                let answered = offer.answer(&Local { direction: wish, ..local("192.0.2.1:4000") });
                assert_eq!(answered.direction(&answered.media[0]), answer, "{offered:?} {wish:?}");
            }
        }
    }

    #[test]
    fn audio_goes_where_it_is_wanted_and_only_while_it_is() {
        use Direction::*;
        let text = "v=0\r\no=a 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
                    m=audio 9000 RTP/AVP 18 100 0\r\na=rtpmap:100 pcma/8000\r\na=sendrecv\r\n";
        let sink = |text: &str, wish| Session::parse(text.as_bytes()).sink(wish);
        let address = "192.0.2.9:9000".parse().expect("an address");
        let wanted = Some(Sink { address, codec: Codec::PCMA, payload_type: 100 });
        assert_eq!(sink(text, SendRecv), wanted);
        assert_eq!(sink(&text.replace("sendrecv", "recvonly"), SendOnly), wanted);
        assert_eq!((sink(text, RecvOnly), sink(text, Inactive)), (None, None));
        for held in
            [("sendrecv", "sendonly"), ("sendrecv", "inactive"), ("c=IN IP4 192.0.2.9", "c=IN IP4 0.0.0.0")]
        {
            assert_eq!(sink(&text.replace(held.0, held.1), SendRecv), None, "{held:?}");
        }
        assert_eq!(sink(&text.replace("18 100 0", "18"), SendRecv), None);
    }

    #[test]
    fn every_stream_of_the_offer_has_one_in_the_answer() {
        let offer = Session::parse(
            b"v=0\r\no=a 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
              m=video 9002 RTP/AVP 31\r\nm=audio 0 RTP/AVP 0\r\nm=audio 9004 RTP/SAVP 0\r\n\
              m=audio 9006 RTP/AVP 0\r\nm=audio 9008 RTP/AVP 0\r\n",
        );
        let answer = offer.answer(&local("192.0.2.1:4000"));
        let ports: Vec<u16> = answer.media.iter().map(|media| media.port).collect();
        assert_eq!(ports, [0, 0, 0, 4000, 0]);
        let kinds: Vec<&str> = answer.media.iter().map(|media| media.kind.as_str()).collect();
        assert_eq!(kinds, ["video", "audio", "audio", "audio", "audio"]);
        assert_eq!(answer.media[0].formats, ["31"]);
    }

    #[test]
    fn without_a_common_codec_nothing_is_accepted() {
        let offer = Session::parse(
            b"v=0\r\no=a 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
              m=audio 9006 RTP/AVP 18 101\r\na=rtpmap:101 telephone-event/8000\r\n",
        );
        let codecs = vec![Codec::PCMU, Codec::TELEPHONE_EVENT];
        assert_eq!(offer.answer(&Local { codecs, ..local("192.0.2.1:4000") }).audio(), None);
    }
}
