Feature: Servers of TLS that the phone knows by name
  RFC 3263 section 4: SRV records under _sips._tcp, the service SIPS+D2T of NAPTR, port 5061 without either. Whatever
  host they lead to, its certificate has to name the domain that the phone was told (RFC 5922 section 7.3).

  Background:
    Given a farm with servers "primary" and "fallback"
    And a phone that speaks TLS
    And the far end answers

  @rfc3263-4.2
  Scenario: SRV leads to a host and its port
    Given DNS for "example.test" with records
      | name       | ttl | type | data               |
      | _sip._tcp  | 60  | SRV  | 10 0 5060 fallback |
      | _sips._tcp | 60  | SRV  | 10 0 5061 host     |
      | host       | 60  | A    | primary            |
      | fallback   | 60  | A    | fallback           |
    And the phone's server is "example.test"
    When the phone dials the far end
    Then the phone asks DNS for SRV "_sips._tcp.example.test"
    And the call is established through "primary"

  @rfc3263-4.1
  Scenario: A domain that likes TCP better is not taken at its word
    Given DNS for "example.test" with records
      | name       | ttl | type  | data                             |
      | @          | 60  | NAPTR | 10 10 s SIP+D2T "" _sip._tcp     |
      | @          | 60  | NAPTR | 20 10 s SIPS+D2T "" _sips._tcp   |
      | _sip._tcp  | 60  | SRV   | 10 0 5060 fallback               |
      | _sips._tcp | 60  | SRV   | 10 0 5061 primary                |
      | primary    | 60  | A     | primary                          |
      | fallback   | 60  | A     | fallback                         |
    And the phone's server is "example.test"
    And the phone asks DNS for its transport
    When the phone dials the far end
    Then the call is established through "primary"

  @rfc3263-4.2
  Scenario: Without SRV it is port 5061 of the name itself
    Given DNS for "example.test" with records
      | name | ttl | type | data    |
      | @    | 60  | A    | primary |
    And the phone's server is "example.test"
    When the phone dials the far end
    Then the call is established through "primary"

  @AR-23 @rfc3263-4.3
  Scenario: A host that cannot prove to be of the domain is passed over
    Given DNS for "example.test" with records
      | name       | ttl | type | data               |
      | _sips._tcp | 60  | SRV  | 10 0 5061 primary  |
      | _sips._tcp | 60  | SRV  | 20 0 5061 fallback |
      | primary    | 60  | A    | primary            |
      | fallback   | 60  | A    | fallback           |
    And the phone's server is "example.test"
    And "primary" has fault "tls-wrong-name"
    When the phone dials the far end
    Then the call is established through "fallback" within 4 s
