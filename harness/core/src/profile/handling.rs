//! How the harness recognises, commands, hears and provisions a model.

section! {
    /// How to recognise the model.
    Match {
        /// A regular expression over User-Agent.
        user_agent: Option<String> = None,
    }
}

words! {
    /// Physical or software (AR-06, F-12).
    Kind:
    /// A handset.
    Physical = "physical",
    /// A program.
    Softphone = "softphone",
}

section! {
    /// How to make the phone act.
    Control {
        /// The driver's name.
        driver: String = "reference".to_owned(),
        /// Its HTTP interface, where it has one.
        http: Option<ControlHttp> = None,
        /// The path of a screenshot, where it has one.
        screenshot: Option<String> = None,
    }
}

section! {
    /// A phone's HTTP interface. The password is the lab's, never the profile's.
    ControlHttp {
        /// With or without TLS.
        scheme: HttpScheme = HttpScheme::Http,
        /// The user who may command it.
        user: Option<String> = None,
    }
}

words! {
    /// HTTP with or without TLS.
    HttpScheme:
    /// Without.
    Http = "http",
    /// With.
    Https = "https",
}

section! {
    /// How to hear the phone's own opinion.
    Observe {
        /// The interface by which it reports events, such as `action_url`.
        events: Option<String> = None,
        /// What a person or a camera can see, such as `screen`.
        phone_side: Vec<String> = vec![],
    }
}

section! {
    /// How to provision the phone.
    Provision {
        /// The template's name under `fixtures/provisioning/`.
        template: Option<String> = None,
        /// The path under which the phone asks for it; `{mac}` stands for its hardware address.
        path: Option<String> = None,
    }
}
