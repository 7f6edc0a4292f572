Feature: The way back to the primary
  As soon as the primary grants a binding again, it does the work again. When it is asked is the
  profile's failback mode; all but the first act only while no call is up.

  Background:
    Given a farm with servers "primary", "secondary" and "fallback"
    And the far end answers

  @YL-16 @YL-05
  Scenario: Mode new_requests, the next call
    Given a phone with profile "yealink-t5x" and settings
      | failback.mode | new_requests |
    And registrations last 60 s
    And the phone is registered with "primary"
    When "primary" has fault "silent"
    Then the phone moves REGISTER from "primary" to "secondary" in time
    And the phone is registered with "secondary"
    When the faults at "primary" end
    And the phone dials the far end
    Then the call is established through "primary" within 1 s

  @YL-16
  Scenario: Mode registration, the next refresh
    Given a phone with profile "yealink-t5x" and settings
      | failback.mode | registration |
    And registrations last 60 s
    And the phone is registered with "primary"
    When "primary" has fault "silent"
    Then the phone moves REGISTER from "primary" to "secondary" in time
    And the phone is registered with "secondary"
    When the faults at "primary" end
    Then the phone is registered with "primary" within 61 s
    When the phone dials the far end
    Then the phone sends INVITE to "primary", and to no other
    And the call is established through "primary"

  @YL-05 @YL-16
  Scenario Outline: Mode <mode>, calls stay with the server of the registration until then
    Given a phone with profile "yealink-t5x" and settings
      | failback.mode | <mode> |
    And the phone is registered with "primary"
    When "primary" has fault "closed"
    And the phone reboots
    Then the phone is registered with "secondary" within 4 s
    When the faults at "primary" end
    And the phone dials the far end
    Then the phone sends INVITE to "secondary", and to no other
    And the call is established through "secondary" within 1 s

    Examples:
      | mode         |
      | registration |
      | duration     |

  @YL-16
  Scenario: Mode registration, every refresh asks the primary while it is dead
    Given a phone with profile "yealink-t5x" and settings
      | failback.mode | registration |
    And registrations last 60 s
    And the phone is registered with "primary"
    When "primary" has fault "closed"
    Then the phone is registered with "secondary" within 70 s
    When the phone is left alone
    Then the phone sends REGISTER to "primary" within 61 s
    When the phone is left alone
    Then the phone sends REGISTER to "primary" within 61 s

  @YL-16
  Scenario Outline: Mode duration, after <asked> s the phone waits <waits> s
    Given a phone with profile "yealink-t5x" and settings
      | failback.mode      | duration |
      | failback.timeout_s | <asked>  |
    And "primary" has fault "closed"
    When the phone registers
    Then the phone is registered with "secondary" within 4 s
    When the faults at "primary" end
    Then the phone sends no REGISTER to "primary" for <less> s
    And the phone is registered with "primary" within <waits> s

    Examples:
      | asked | less | waits |
      | 120   | 115  | 126   |
      | 10    | 55   | 66    |

  @YL-16
  Scenario: Mode duration, refreshes in between do not put it off
    Given a phone with profile "yealink-t5x" and settings
      | failback.mode      | duration |
      | failback.timeout_s | 150      |
    And registrations last 60 s
    And "primary" has fault "closed"
    When the phone registers
    Then the phone is registered with "secondary" within 4 s
    When the faults at "primary" end
    Then the phone is registered with "primary" within 156 s

  @YL-16 @time-scale
  Scenario: Mode duration with 0, only a failover brings the phone back
    Given a phone with profile "yealink-t5x" and settings
      | failback.mode      | duration |
      | failback.timeout_s | 0        |
    And registrations last 60 s
    And "primary" has fault "closed"
    When the phone registers
    Then the phone is registered with "secondary" within 4 s
    When the faults at "primary" end
    Then the phone sends no REGISTER to "primary" for 660 s
    When "secondary" has fault "closed"
    Then the phone is registered with "primary" within 70 s

  @YL-16
  Scenario Outline: A call puts off the way back, mode <mode>
    Given a phone with profile "yealink-t5x" and settings
      | failback.mode           | <mode> |
      | failback.timeout_s      | 60     |
      | failback.only_when_idle | true   |
    And registrations last 60 s
    And "primary" has fault "closed"
    When the phone registers
    Then the phone is registered with "secondary" within 4 s
    When the faults at "primary" end
    And the phone dials the far end
    Then the call is established through "secondary" within 1 s
    And the phone sends no REGISTER to "primary" for 200 s
    When the phone hangs up
    Then the call ends through "secondary"
    And the phone is registered with "primary" within 61 s

    Examples:
      | mode         |
      | registration |
      | duration     |
