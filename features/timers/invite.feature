Feature: The client's INVITE schedule
  RFC 3261 section 17.1.1.2: over UDP the interval starts at T1 and doubles without a cap; timer B ends it
  at 64×T1. Over TCP nothing is sent twice, and timer B runs all the same.

  Background:
    Given a farm with server "primary"

  @YL-10 @rfc3261-17.1.1.2
  Scenario: Seven sends over UDP
    Given a phone
    And "primary" has fault "silent"
    When the phone dials the far end
    Then the phone sends INVITE to "primary" on the whole schedule and gives up

  @rfc3261-17.1.1.2
  Scenario Outline: T1 of <t1> ms scales the whole schedule
    Given a phone with settings
      | timers.t1_ms | <t1> |
    And "primary" has fault "silent"
    When the phone dials the far end
    Then the phone sends INVITE to "primary" on the whole schedule and gives up

    Examples:
      | t1   |
      | 250  |
      | 1000 |

  @YL-03b @rfc3261-17.1.1.2
  Scenario: A provisional response stops the schedule
    Given a phone
    And "primary" has fault "trying-then-silent"
    When the phone dials the far end
    Then the phone sends INVITE to "primary" exactly once

  @rfc3261-17.1.1.2
  Scenario: A late provisional response stops the schedule where it is
    Given a phone
    And "primary" has fault "delay ms=5000 direction=in method=INVITE"
    And the far end rings
    When the phone dials the far end
    Then the phone sends INVITE to "primary" exactly 4 times

  @rfc3261-17.1.1.2
  Scenario: TCP is trusted to deliver
    Given a phone that speaks TCP
    And "primary" has fault "silent"
    When the phone dials the far end
    Then the phone sends INVITE to "primary" exactly once

  @YL-03 @rfc3261-17.1.1.2
  Scenario: Timer B runs over TCP, too
    Given a farm with servers "primary", "secondary" and "fallback"
    And a phone that speaks TCP
    And the far end answers
    And "primary" has fault "silent"
    When the phone dials the far end
    Then the phone moves INVITE from "primary" to "secondary" in time
    And the call is established through "secondary"

  @rfc3261-17.1.1.2
  Scenario: A refusal whose ACK was lost is acknowledged again
    Given a phone
    And "primary" has fault "drop direction=in method=ACK first=3"
    And the far end rejects with 486
    When the phone dials the far end
    Then the call fails with 486
    And the phone sends no INVITE for 40 s

  @rfc3261-13.2.2.4
  Scenario: An acceptance whose ACK was lost is acknowledged again
    Given a phone
    And "primary" has fault "drop direction=in method=ACK first=3"
    And the far end answers
    When the phone dials the far end
    Then the call is established through "primary"
    And the phone sends no BYE for 40 s

  @rfc3261-17.1.1.2
  Scenario: Every repetition of a refusal is acknowledged while timer D runs
    Given a phone
    And "primary" has fault "duplicate direction=out response=486 count=3 after-ms=8000"
    And the far end rejects with 486
    When the phone dials the far end
    Then the phone acknowledges 486 from "primary" 4 times
