Feature: The phone goes by what DNS says, and by the whole of it
  Weights at equal priority are read as the profile says (RFC 2782, F-07); an answer that was cut is
  asked for again over TCP (RFC 1035 section 4.2.1).

  Background:
    Given a farm with servers "primary", "secondary" and "fallback"
    And a phone with profile "yealink-t5x" and settings
      | failover.triggers | [503, timeout, icmp, tcp_connect, tcp_send] |
    And the far end answers

  @YL-12
  Scenario: At equal priority the highest weight comes first
    Given DNS for "example.test" with records
      | name      | ttl | type | data              |
      | _sip._udp | 60  | SRV  | 10 20 5060 one    |
      | _sip._udp | 60  | SRV  | 10 70 5060 two    |
      | one       | 60  | A    | secondary         |
      | two       | 60  | A    | primary           |
    And the phone's servers are "example.test" and "fallback"
    And "primary" answers INVITE with 503
    When the phone dials the far end
    Then the phone sends INVITE to "primary", then "secondary"
    And the call is established through "secondary"

  @rfc3263-4
  Scenario: An answer that was cut is asked for over TCP
    Given DNS for "example.test" with "primary", then "secondary"
    And "dns" has fault "dns-truncated"
    And the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
