Feature: Silence sends the phone to the next server, at the right time
  A server that gives no response at all is left when the retry rule of the profile says so; the last
  server gets the whole time-out of RFC 3261. Any provisional response ends the matter.

  Background:
    Given a farm with servers "primary", "secondary" and "fallback"
    And the far end answers

  @YL-03 @YL-09 @YL-11
  Scenario: The primary is silent
    Given a phone with profile "yealink-t5x"
    And "primary" has fault "silent"
    When the phone dials the far end
    Then the phone moves INVITE from "primary" to "secondary" in time
    And the call is established through "secondary"
    And the phone sends no CANCEL to "primary" for 1 s

  @YL-03 @YL-09
  Scenario: A phone after RFC 3261 waits for timer B
    Given a phone
    And "primary" has fault "silent"
    When the phone dials the far end
    Then the phone moves INVITE from "primary" to "secondary" in time
    And the call is established through "secondary"

  @YL-11
  Scenario Outline: <n> retries at a server that is not the last
    Given a phone with profile "yealink-t5x" and settings
      | failover.retry_count.value | <n> |
    And "primary" has fault "silent"
    When the phone dials the far end
    Then the phone moves INVITE from "primary" to "secondary" in time
    And the call is established through "secondary"

    Examples:
      | n  |
      | 0  |
      | 1  |
      | 3  |
      | 5  |
      | 20 |

  @YL-11 @YL-14
  Scenario Outline: <n> retries of a REGISTER at a server that is not the last
    Given a phone with profile "yealink-t5x" and settings
      | failover.retry_count.value | <n> |
    And "primary" has fault "silent"
    When the phone registers
    Then the phone moves REGISTER from "primary" to "secondary" in time
    And the phone is registered with "secondary"

    Examples:
      | n  |
      | 0  |
      | 1  |
      | 3  |
      | 5  |
      | 20 |

  @YL-11
  Scenario Outline: INVITE has a retry count of its own: <invite>, where others have <others>
    Given a phone with profile "yealink-t5x" and settings
      | failover.retry_rule                | retry_count  |
      | failover.retry_count.value         | <others>     |
      | failover.invite_retry_count.value  | <invite>     |
      | failover.invite_retry_count.counts | sends        |
      | failback.mode                      | new_requests |
      | timers.invite_timeout_ms           | null         |
    And "primary" has fault "silent"
    When the phone registers
    Then the phone moves REGISTER from "primary" to "secondary" in time
    And the phone is registered with "secondary"
    When the phone dials the far end
    Then the phone moves INVITE from "primary" to "secondary" in time
    And the phone sends INVITE to "primary" exactly <times>
    And the call is established through "secondary"

    Examples:
      | invite | others | times   |
      | 1      | 5      | once    |
      | 3      | 1      | 3 times |
      | 5      | 3      | 5 times |
      | 20     | 1      | 7 times |

  @YL-09 @rfc3261-17.1.1.2
  Scenario: A server that hears the third send is not silent
    Given a phone with profile "yealink-t5x"
    And "primary" has fault "loss way=in k=2 n=3"
    When the phone dials the far end
    Then the call is established through "primary" within 4 s
    And the phone sends no INVITE to "secondary" for 5 s

  @YL-09 @rfc3261-13.2.2.4
  Scenario: A server whose answers get lost at times is not silent
    Given a phone with profile "yealink-t5x"
    And "primary" has fault "loss way=out k=1 n=2"
    When the phone dials the far end
    Then the call is established through "primary" within 4 s
    And the phone sends no INVITE to "secondary" for 5 s

  @YL-03b
  Scenario: 100 Trying and then nothing keeps the call where it is
    Given a phone with profile "yealink-t5x"
    And "primary" has fault "trying-then-silent"
    When the phone dials the far end
    Then the phone sends no INVITE to "secondary" for 40 s
    And the phone sends INVITE to "primary" exactly once

  @YL-10
  Scenario: The last server gets the complete time-out
    Given a phone with profile "yealink-t5x" and settings
      | failover.triggers | [503, timeout, icmp, tcp_connect, tcp_send] |
    And "primary" answers INVITE with 503
    And "secondary" answers INVITE with 503
    And "fallback" has fault "silent"
    When the phone dials the far end
    Then the phone sends INVITE to "primary", then "secondary", then "fallback"
    And the phone sends INVITE to "fallback" on the whole schedule and gives up
    And the call fails

  @YL-10
  Scenario: The last of three silent servers gets the complete time-out
    Given a phone with profile "yealink-t5x"
    And "primary" has fault "silent"
    And "secondary" has fault "silent"
    And "fallback" has fault "silent"
    When the phone dials the far end
    Then the phone moves INVITE from "primary" to "secondary" in time
    And the phone moves INVITE from "secondary" to "fallback" in time
    And the phone sends INVITE to "fallback" on the whole schedule and gives up

  @YL-10 @YL-09
  Scenario: A vendor's own time for each server but the last, which has timer B
    Given a phone with settings
      | timers.invite_timeout_ms | 4000          |
      | failover.retry_rule      | fixed_timeout |
    And "primary" has fault "silent"
    And "secondary" has fault "silent"
    And "fallback" has fault "silent"
    When the phone dials the far end
    Then the phone moves INVITE from "primary" to "secondary" in time
    And the phone moves INVITE from "secondary" to "fallback" in time
    And the phone sends INVITE to "fallback" on the whole schedule and gives up
    And the call fails
