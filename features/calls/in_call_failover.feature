Feature: Failover and failback wait for the end of a call
  While a call is up the phone stays with its call manager, dead or alive, and sends others no more than
  keep-alives. The audio needs none of them.

  Background:
    Given a farm with servers "primary", "secondary" and "fallback"
    And a phone with profile "cisco-sip-enterprise" and settings
      | call_in_progress.failover       | deferred              |
      | failback.only_when_idle         | true                  |
      | registration.method             | active_plus_keepalive |
      | registration.keepalive.form     | register_expires0     |
      | registration.keepalive.period_s | 30                    |
      | failback.mode                   | token                 |
      | failback.token.monitor_s        | 0                     |
      | mcp.supported                   | false                 |
    And registrations last 30 s
    And the far end answers
    And the phone is registered with "primary"

  @CC-07
  Scenario Outline: <fault> during a call: to the next of the group when it is over
    When the phone dials the far end
    Then the call is established through "primary" within 1 s
    When "primary" has fault "<fault>"
    Then the phone sends no REGISTER to "secondary" for 80 s
    And audio keeps flowing both ways for 5 s
    When the phone hangs up
    Then the phone is registered with "secondary" within 10 s

    Examples:
      | fault  |
      | silent |
      | closed |

  @CC-07
  Scenario: The primary is back during a call
    When "primary" has fault "closed"
    Then the phone is registered with "secondary" within 40 s
    When the phone dials the far end
    Then the call is established through "secondary"
    When the faults at "primary" end
    Then the phone sends no REFER to "primary" for 70 s
    And the phone sends no REGISTER to "primary" for 5 s
    And audio keeps flowing both ways for 5 s
    When the phone hangs up
    Then the call ends through "secondary"
    And the phone sends REFER to "primary" within 31 s
    And the phone is registered with "primary" within 35 s
