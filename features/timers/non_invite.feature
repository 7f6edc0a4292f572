Feature: The client's schedule for other requests
  RFC 3261 section 17.1.2.2: over UDP the interval starts at T1, doubles and is capped at T2; timer F ends it
  at 64×T1. After a provisional response the interval is T2.

  Background:
    Given a farm with server "primary"

  @rfc3261-17.1.2.2
  Scenario: Eleven sends over UDP
    Given a phone
    And "primary" has fault "silent"
    When the phone registers
    Then the phone sends REGISTER to "primary" on the whole schedule and gives up

  @rfc3261-17.1.2.2
  Scenario: No other number of sends, with the interval capped at T2
    Given a phone
    And "primary" has fault "silent"
    When the phone registers
    Then the phone sends REGISTER to "primary" exactly 11 times

  @rfc3261-17.1.2.2
  Scenario Outline: T1 of <t1> ms keeps the cap of T2
    Given a phone with settings
      | timers.t1_ms | <t1> |
    And "primary" has fault "silent"
    When the phone registers
    Then the phone sends REGISTER to "primary" on the whole schedule and gives up

    Examples:
      | t1   |
      | 250  |
      | 1000 |

  @rfc3261-17.1.2.2
  Scenario: A provisional response slows the schedule to T2
    Given a phone
    And "primary" answers REGISTER with 100
    When the phone registers
    Then the phone sends REGISTER to "primary" on the whole schedule and gives up

  @rfc3261-17.1.2.2
  Scenario: TCP is trusted to deliver
    Given a phone that speaks TCP
    And "primary" has fault "silent"
    When the phone registers
    Then the phone sends REGISTER to "primary" exactly once

  @rfc3261-17.1.2.2
  Scenario: Timer F runs over TCP, too
    Given a farm with servers "primary", "secondary" and "fallback"
    And a phone that speaks TCP
    And "primary" has fault "silent"
    When the phone registers
    Then the phone moves REGISTER from "primary" to "secondary" in time
    And the phone is registered with "secondary"

  @rfc3261-17.1.2.2
  Scenario Outline: BYE has timer F, beside <rule> as well
    Given a phone with settings
      | timers.invite_timeout_ms     | 4000   |
      | timers.non_invite_timeout_ms | 4000   |
      | failover.retry_rule          | <rule> |
    And the far end answers
    When the phone dials the far end
    Then the call is established through "primary"
    And the phone sends no BYE for 1 s
    When "primary" has fault "silent"
    And the phone hangs up
    Then the phone sends BYE to "primary" on the whole schedule and gives up

    Examples:
      | rule          |
      | timer_b       |
      | fixed_timeout |
