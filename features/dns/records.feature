Feature: What a phone asks DNS, by what it was told
  RFC 3263 sections 4.1 and 4.2.

  Background:
    Given a farm with servers "primary" and "fallback"
    And a phone
    And the far end answers

  @rfc3263-4.1
  Scenario: NAPTR says which transport
    Given DNS for "example.test" with "primary"
    And the phone asks DNS for its transport
    When the phone dials the far end
    Then the phone asks DNS for NAPTR "example.test"
    And the call is established through "primary"

  @rfc3263-4.2
  Scenario: A name without SRV is asked for its address
    Given DNS for "example.test" with records
      | name | ttl | type | data    |
      | @    | 60  | A    | primary |
    And the phone's servers are "example.test" and "fallback"
    When the phone dials the far end
    Then the phone asks DNS for A "example.test"
    And the call is established through "primary"

  @rfc3263-4.2
  Scenario: A port says that there is no SRV to ask for
    Given DNS for "example.test" with records
      | name      | ttl | type | data               |
      | _sip._udp | 60  | SRV  | 10 0 5060 fallback |
      | fallback  | 60  | A    | fallback           |
      | @         | 60  | A    | primary            |
    And the phone's server is "example.test:5060"
    When the phone dials the far end
    Then the phone asks DNS for A "example.test"
    And the call is established through "primary"

  @rfc3263-4.2
  Scenario: Another name for the same host is followed
    Given DNS for "example.test" with records
      | name      | ttl | type  | data          |
      | _sip._udp | 60  | SRV   | 10 0 5060 sip |
      | sip       | 60  | CNAME | host          |
      | host      | 60  | A     | primary       |
    And the phone's servers are "example.test" and "fallback"
    When the phone dials the far end
    Then the call is established through "primary"

  @rfc3263-4
  Scenario: An answer is kept for its time
    Given a phone with settings
      | servers.keeps_dns | true |
    And DNS for "example.test" with "primary", kept for 60 s
    When the phone dials the far end
    Then the call is established through "primary"
    When the phone hangs up
    Then the call ends through "primary"
    When DNS has the records
      | name    | ttl | type | data     |
      | primary | 60  | A    | fallback |
    And the phone dials the far end
    Then the call is established through "primary"

  @rfc3263-4
  Scenario: A phone that keeps no answer asks for each call
    Given a phone with settings
      | servers.keeps_dns | false |
    And DNS for "example.test" with "primary", kept for 60 s
    When the phone dials the far end
    Then the call is established through "primary"
    When the phone hangs up
    Then the call ends through "primary"
    When DNS has the records
      | name    | ttl | type | data     |
      | primary | 60  | A    | fallback |
    And the phone dials the far end
    Then the call is established through "fallback"

  @rfc3263-4
  Scenario: Records that were changed are used when the old ones have expired
    Given DNS for "example.test" with "primary", kept for 30 s
    When the phone dials the far end
    Then the call is established through "primary"
    When the phone hangs up
    Then the call ends through "primary"
    When DNS has the records
      | name    | ttl | type | data     |
      | primary | 30  | A    | fallback |
    Then the phone sends no INVITE for 32 s
    When the phone dials the far end
    Then the phone asks DNS for SRV "_sip._udp.example.test"
    And the phone sends INVITE to "fallback", and to no other
