Feature: Registration with the fallback, beside the first server or after it
  Registered with both at once, the phone uses its first server as long as that works. Registered
  with one after the other, it goes to the fallback only when the first server fails, and keeps
  asking for its return.

  Background:
    Given a farm with servers "primary", "secondary" and "fallback"
    And the far end answers

  @YL-18 @YL-25
  Scenario: Both at once
    Given a phone with profile "yealink-t5x" and settings
      | registration.method | concurrent |
    When the phone registers
    Then the phone is registered with "primary" within 2 s
    And the phone is registered with "fallback" within 2 s

  @YL-18 @time-scale
  Scenario: Each of the two bindings is refreshed by itself
    Given a phone with profile "yealink-t5x" and settings
      | registration.method | concurrent |
    And registrations last 60 s
    And the phone is registered with "primary"
    When the phone is left alone
    Then the phone is registered with "primary" within 60 s
    And the phone is registered with "fallback" within 60 s
    And the phone sends no REGISTER to "secondary" for 300 s

  @YL-18 @YL-15
  Scenario: The fallback keeps its binding while the primary is dead
    Given a phone with profile "yealink-t5x" and settings
      | registration.method | concurrent |
    And registrations last 60 s
    And the phone is registered with "primary"
    When "primary" has fault "silent"
    Then the phone moves REGISTER from "primary" to "secondary" in time
    And the phone is registered with "secondary"
    And the phone is registered with "fallback" within 60 s

  @YL-19
  Scenario: Of two bindings, calls use the first
    Given a phone with profile "yealink-t5x"
    And the phone is registered with "primary"
    When the phone dials the far end
    Then the phone sends INVITE to "primary", and to no other
    And the call is established through "primary"

  @YL-19
  Scenario: Of two bindings, calls use the first in the registration mode, too
    Given a phone with profile "yealink-t5x" and settings
      | failback.mode | registration |
    And registrations last 60 s
    And the phone is registered with "primary"
    When the phone is left alone
    Then the phone sends no REGISTER to "secondary" for 90 s
    When the phone dials the far end
    Then the phone sends INVITE to "primary", and to no other
    And the call is established through "primary"

  @YL-20
  Scenario: The fallback takes a call when the first server is dead
    Given a phone with profile "yealink-t5x"
    And the phone is registered with "primary"
    When "primary" has fault "closed"
    And "secondary" has fault "closed"
    And the phone dials the far end
    Then the call is established through "fallback" within 4 s

  @YL-21 @YL-22 @YL-25
  Scenario: One after the other, the working server first
    Given a phone with profile "yealink-t5x" and settings
      | registration.method | successive |
    When the phone registers
    Then the phone is registered with "primary" within 2 s
    And the phone sends no REGISTER to "secondary" for 60 s
    And the phone sends no REGISTER to "fallback" for 60 s

  @YL-23
  Scenario: One after the other, the fallback when the first server is dead
    Given a phone with profile "yealink-t5x" and settings
      | registration.method           | successive   |
      | registration.fallback_probe_s | 120          |
      | failback.mode                 | new_requests |
    And "primary" has fault "silent"
    And "secondary" has fault "silent"
    When the phone registers
    Then the phone sends REGISTER to "primary", then "secondary", then "fallback"
    And the phone is registered with "fallback"
    When the phone is left alone
    Then the phone sends REGISTER to "primary" within 140 s

  @YL-23 @YL-16 @time-scale
  Scenario: One after the other, and back when the first server answers again
    Given a phone with profile "yealink-t5x" and settings
      | registration.method           | successive                                  |
      | registration.fallback_probe_s | 120                                         |
      | failback.mode                 | new_requests                                |
      | failover.triggers             | [503, timeout, icmp, tcp_connect, tcp_send] |
    And "primary" answers REGISTER with 503
    And "secondary" answers REGISTER with 503
    When the phone registers
    Then the phone is registered with "fallback" within 4 s
    When the phone is left alone
    Then the phone sends REGISTER to "primary" within 132 s
    When the phone is left alone
    Then the phone sends REGISTER to "primary" within 132 s
    When the faults at "primary" end
    Then the phone is registered with "primary" within 140 s

  @YL-23 @YL-16 @time-scale
  Scenario: One after the other, refreshes that begin at the first server are tries, too
    Given a phone with profile "yealink-t5x" and settings
      | registration.method           | successive   |
      | registration.fallback_probe_s | 120          |
      | failback.mode                 | new_requests |
    And registrations last 60 s
    And "primary" has fault "closed"
    And "secondary" has fault "closed"
    When the phone registers
    Then the phone is registered with "fallback" within 4 s
    When the phone is left alone
    Then the phone sends REGISTER to "primary" within 62 s
    And the phone sends no INVITE for 400 s

  @YL-24
  Scenario: One after the other, the fallback carries calls out and in
    Given a phone with profile "yealink-t5x" and settings
      | registration.method | successive |
    And "primary" has fault "closed"
    And "secondary" has fault "closed"
    When the phone registers
    Then the phone is registered with "fallback" within 4 s
    When the phone dials the far end
    Then the call is established through "fallback" within 4 s
    When the phone hangs up
    Then the call ends through "fallback"
    When the far end calls the phone through "fallback"
    And the phone answers
    Then the call is established through "fallback"

  @YL-17
  Scenario Outline: Outbound proxies are never registered through at once, method <method>
    Given a phone with profile "yealink-t5x" and settings
      | servers.outbound_proxy | true     |
      | registration.method    | <method> |
    When the phone registers
    Then the phone is registered with "primary" within 2 s
    And the phone sends no REGISTER to "secondary" for 60 s
    And the phone sends no REGISTER to "fallback" for 60 s

    Examples:
      | method     |
      | concurrent |
      | successive |

  @YL-17
  Scenario: An outbound proxy that is dead is passed over for the next
    Given a phone with profile "yealink-t5x" and settings
      | servers.outbound_proxy | true |
    And "primary" has fault "closed"
    When the phone registers
    Then the phone is registered with "secondary" within 4 s
    And the phone sends no REGISTER to "fallback" for 10 s
