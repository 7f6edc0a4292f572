Feature: 503 Service Unavailable sends the phone to the next server
  A server that says 503 is passed over for the next one (RFC 3263 section 4.3, RFC 3261
  section 21.5.4); any other refusal is the answer to the call.

  Background:
    Given a farm with servers "primary", "secondary" and "fallback"
    And a phone with profile "yealink-t5x" and settings
      | failover.triggers | [503, timeout, icmp, tcp_connect, tcp_send] |
    And the far end answers

  @YL-02
  Scenario: 503 from the primary
    Given "primary" answers INVITE with 503
    When the phone dials the far end
    Then the phone sends INVITE to "primary", then "secondary"
    And the phone sends INVITE to "secondary" within 2 s
    And the call is established through "secondary"

  @YL-02
  Scenario: 503 with Retry-After from the primary
    Given "primary" answers INVITE with 503 and Retry-After 120 s
    When the phone dials the far end
    Then the phone sends INVITE to "primary", then "secondary"
    And the call is established through "secondary" within 4 s

  @YL-02b
  Scenario: The next call while Retry-After runs
    Given "primary" answers INVITE with 503 and Retry-After 120 s
    When the phone dials the far end
    Then the call is established through "secondary"
    When the phone hangs up
    Then the call ends through "secondary"
    And the phone sends no INVITE for 30 s
    When the phone dials the far end
    Then the call is established through "secondary"

  @YL-02b
  Scenario: Retry-After holds for a phone whose profile demands it
    Given a phone with settings
      | failover.honour_retry_after | true                                        |
      | failover.triggers           | [503, timeout, icmp, tcp_connect, tcp_send] |
    And "primary" answers INVITE with 503 and Retry-After 120 s
    When the phone dials the far end
    Then the call is established through "secondary"
    When the phone hangs up
    Then the call ends through "secondary"
    When the phone dials the far end
    Then the phone sends INVITE to "secondary" within 1 s
    And the call is established through "secondary"

  @YL-02b
  Scenario: A phone that demands it of itself comes back when Retry-After is over
    Given a phone with settings
      | failover.honour_retry_after | true                                        |
      | failover.triggers           | [503, timeout, icmp, tcp_connect, tcp_send] |
    And "primary" answers INVITE with 503 and Retry-After 120 s
    When the phone dials the far end
    Then the call is established through "secondary"
    When the phone hangs up
    Then the call ends through "secondary"
    And the phone sends no INVITE for 30 s
    When the phone dials the far end
    Then the phone sends INVITE to "secondary", and to no other
    And the call is established through "secondary" within 1 s
    When the phone hangs up
    Then the call ends through "secondary"
    And the phone sends no INVITE for 100 s
    When the faults at "primary" end
    And the phone dials the far end
    Then the phone sends INVITE to "primary", and to no other
    And the call is established through "primary" within 1 s

  @YL-02b
  Scenario: A phone that does not heed Retry-After asks the primary again
    Given a phone with settings
      | failover.honour_retry_after | false                                       |
      | failover.triggers           | [503, timeout, icmp, tcp_connect, tcp_send] |
    And "primary" answers INVITE with 503 and Retry-After 120 s
    When the phone dials the far end
    Then the call is established through "secondary"
    When the phone hangs up
    Then the call ends through "secondary"
    And the phone sends no INVITE for 30 s
    When the phone dials the far end
    Then the phone sends INVITE to "primary", then "secondary"
    And the call is established through "secondary"

  @YL-02
  Scenario: 503 over TCP
    Given a phone with settings
      | failover.triggers | [503, timeout, icmp, tcp_connect, tcp_send] |
    And the phone speaks TCP
    And "primary" answers INVITE with 503
    When the phone dials the far end
    Then the phone sends INVITE to "primary", then "secondary"
    And the call is established through "secondary"

  @YL-02c
  Scenario Outline: <code> is an answer, not a failure of the server
    Given "primary" answers INVITE with <code>
    When the phone dials the far end
    Then the phone sends INVITE to "primary"
    And the call fails with <code>
    And the phone sends no INVITE to "secondary" for 5 s
    And the phone sends no INVITE to "fallback" for 5 s

    Examples:
      | code |
      | 403  |
      | 404  |
      | 480  |
      | 486  |

  @YL-02
  Scenario: A phone after RFC 3261 moves on after 503, too
    Given a phone with settings
      | failover.triggers | [503, timeout, icmp, tcp_connect, tcp_send] |
    And "primary" answers INVITE with 503
    When the phone dials the far end
    Then the phone sends INVITE to "primary", then "secondary"
    And the call is established through "secondary"
