Feature: Servers are tried in order until one takes the call or none is left

  Background:
    Given a farm with servers "primary", "secondary" and "fallback"
    And a phone with profile "yealink-t5x" and settings
      | failover.triggers | [503, timeout, icmp, tcp_connect, tcp_send] |
    And the far end answers

  @YL-04
  Scenario: Primary and secondary refuse, the fallback takes the call
    Given "primary" answers INVITE with 503
    And "secondary" answers INVITE with 503
    When the phone dials the far end
    Then the phone sends INVITE to "primary", then "secondary", then "fallback"
    And the call is established through "fallback"

  @YL-04
  Scenario: All three refuse
    Given "primary" answers INVITE with 503
    And "secondary" answers INVITE with 503
    And "fallback" answers INVITE with 503
    When the phone dials the far end
    Then the phone sends INVITE to "primary", then "secondary", then "fallback", and to no other
    And the call fails

  @YL-04
  Scenario: When all have refused, the phone lets it be
    Given "primary" answers INVITE with 503
    And "secondary" answers INVITE with 503
    And "fallback" answers INVITE with 503
    When the phone dials the far end
    Then the call fails with 503

  @YL-04 @YL-09
  Scenario: Silence, then refusal, then the fallback
    Given "primary" has fault "silent"
    And "secondary" answers INVITE with 503
    When the phone dials the far end
    Then the phone sends INVITE to "primary", then "secondary", then "fallback"
    And the call is established through "fallback"

  @YL-04 @YL-08
  Scenario: Closed ports, then the fallback
    Given "primary" has fault "closed"
    And "secondary" has fault "closed"
    When the phone dials the far end
    Then the phone sends INVITE to "primary", then "secondary", then "fallback"
    And the call is established through "fallback" within 4 s
    And the phone sends INVITE to "primary" exactly once

  @YL-04
  Scenario: Everything is silent and the call fails
    Given "primary" has fault "silent"
    And "secondary" has fault "silent"
    And "fallback" has fault "silent"
    When the phone dials the far end
    Then the phone sends INVITE to "primary", then "secondary", then "fallback", and to no other
    And the call fails

  @YL-04
  Scenario: TCP refused at the primary
    Given a phone that speaks TCP
    And "primary" has fault "tcp-refuse"
    When the phone dials the far end
    Then the phone sends INVITE to "secondary" within 2 s
    And the call is established through "secondary"

  @YL-05
  Scenario: The next call asks the primary again when new requests do
    Given "primary" answers INVITE with 503
    When the phone dials the far end
    Then the call is established through "secondary"
    When the phone hangs up
    Then the call ends through "secondary"
    When the faults at "primary" end
    And the phone dials the far end
    Then the call is established through "primary"
