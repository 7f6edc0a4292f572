Feature: Servers behind a name are tried as DNS orders them
  RFC 3263 section 4 and RFC 2782; on a Yealink this is how an account has three servers: primary and
  secondary behind one name, and the fallback by its address.

  Background:
    Given a farm with servers "primary", "secondary" and "fallback"
    And a phone with profile "yealink-t5x" and settings
      | failover.triggers | [503, timeout, icmp, tcp_connect, tcp_send] |
    And DNS for "example.test" with "primary", then "secondary"
    And the far end answers

  @YL-01 @rfc3263-4.2
  Scenario: The server of the best priority takes the call
    When the phone dials the far end
    Then the phone asks DNS for SRV "_sip._udp.example.test"
    And the phone sends INVITE to "primary", and to no other
    And the call is established through "primary"

  @YL-01
  Scenario: The answer decides, not the order in which it lists the servers
    Given DNS for "example.test" with records
      | name      | ttl | type | data                |
      | _sip._udp | 60  | SRV  | 20 0 5060 primary   |
      | _sip._udp | 60  | SRV  | 10 0 5060 secondary |
      | primary   | 60  | A    | primary             |
      | secondary | 60  | A    | secondary           |
    And "secondary" answers INVITE with 503
    When the phone dials the far end
    Then the phone sends INVITE to "secondary", then "primary"
    And the call is established through "primary"

  @YL-02 @rfc3263-4.3
  Scenario: 503 from the first, the second takes the call
    Given "primary" answers INVITE with 503
    When the phone dials the far end
    Then the phone sends INVITE to "primary", then "secondary", and to no other
    And the call is established through "secondary"

  @YL-04 @YL-09
  Scenario: All are silent and the call fails
    Given "primary" has fault "silent"
    And "secondary" has fault "silent"
    And "fallback" has fault "silent"
    When the phone dials the far end
    Then the phone sends INVITE to "primary", then "secondary", then "fallback", and to no other
    And the call fails

  @YL-12 @rfc3263-4.2
  Scenario: Every address of every target comes before the fallback
    Given a farm with servers "first", "second", "third", "fourth" and "fallback"
    And DNS for "example.test" with records
      | name      | ttl | type | data        |
      | _sip._udp | 60  | SRV  | 10 0 5060 a |
      | _sip._udp | 60  | SRV  | 20 0 5060 b |
      | _sip._udp | 60  | SRV  | 30 0 5060 c |
      | a         | 60  | A    | first       |
      | b         | 60  | A    | second      |
      | b         | 60  | A    | third       |
      | c         | 60  | A    | fourth      |
    And the phone's servers are "example.test" and "fallback"
    And "first" answers INVITE with 503
    And "second" answers INVITE with 503
    And "third" answers INVITE with 503
    And "fourth" answers INVITE with 503
    When the phone dials the far end
    Then the phone sends INVITE to "first"
    And the phone sends INVITE to "second"
    And the phone sends INVITE to "third"
    And the phone sends INVITE to "fourth"
    And the call is established through "fallback"

  @YL-13
  Scenario: A registration begins with the best priority
    Given a phone
    When the phone registers
    Then the phone sends REGISTER to "primary"
    And the phone is registered with "primary"

  @YL-13 @YL-15
  Scenario: A registration goes on to the second
    Given a phone with settings
      | registration.method | successive                                  |
      | failover.triggers   | [503, timeout, icmp, tcp_connect, tcp_send] |
    And "primary" answers REGISTER with 503
    When the phone registers
    Then the phone sends REGISTER to "primary", then "secondary"
    And the phone is registered with "secondary"
