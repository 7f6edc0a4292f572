Feature: The primary is registered with first, others only when it fails

  Background:
    Given a farm with servers "primary", "secondary" and "fallback"

  @YL-13
  Scenario: Boot with every server up
    Given a phone with profile "yealink-t5x"
    When the phone registers
    Then the phone is registered with "primary" within 2 s
    And the phone sends no REGISTER to "secondary" for 10 s

  @YL-13
  Scenario: Boot with a dead primary
    Given a phone with profile "yealink-t5x"
    And "primary" has fault "silent"
    When the phone registers
    Then the phone moves REGISTER from "primary" to "secondary" in time
    And the phone is registered with "secondary"

  @YL-13
  Scenario Outline: Boot over <transport> with a primary that answers 503
    Given a phone with settings
      | transport.default   | <transport>                                 |
      | registration.method | successive                                  |
      | failover.triggers   | [503, timeout, icmp, tcp_connect, tcp_send] |
    And "primary" answers REGISTER with 503
    When the phone registers
    Then the phone sends REGISTER to "primary", then "secondary"
    And the phone is registered with "secondary" within 2 s

    Examples:
      | transport |
      | udp       |
      | tcp       |

  @YL-13
  Scenario: Boot over TCP with a primary that accepts no connection
    Given a phone that speaks TCP
    And "primary" has fault "tcp-refuse"
    When the phone registers
    Then the phone is registered with "secondary" within 2 s

  @YL-14
  Scenario: Every server refuses, and the phone tries again
    Given a phone with profile "yealink-t5x" and settings
      | registration.method | successive                                  |
      | failover.triggers   | [503, timeout, icmp, tcp_connect, tcp_send] |
    And "primary" answers REGISTER with 503
    And "secondary" answers REGISTER with 503
    And "fallback" answers REGISTER with 503
    When the phone registers
    Then the phone sends REGISTER to "primary", then "secondary", then "fallback", in 3 rounds

  @YL-14
  Scenario: The primary comes back between two rounds
    Given a phone with profile "yealink-t5x" and settings
      | registration.method       | successive                                  |
      | registration.retry.base_s | 30                                          |
      | failover.triggers         | [503, timeout, icmp, tcp_connect, tcp_send] |
    And "primary" answers REGISTER with 503
    And "secondary" answers REGISTER with 503
    And "fallback" answers REGISTER with 503
    When the phone registers
    Then the phone sends REGISTER to "primary", then "secondary", then "fallback"
    When the faults at "primary" end
    Then the phone is registered with "primary" within 60 s

  @YL-14
  Scenario: Every server is silent, and the phone tries again
    Given a phone with profile "yealink-t5x" and settings
      | registration.method | successive |
    And "primary" has fault "silent"
    And "secondary" has fault "silent"
    And "fallback" has fault "silent"
    When the phone registers
    Then the phone sends REGISTER to "primary", then "secondary", then "fallback", in 3 rounds

  @YL-14
  Scenario: Registered with both, each goes its own rounds
    Given a phone with profile "yealink-t5x" and settings
      | registration.method       | concurrent                                  |
      | registration.retry.base_s | 30                                          |
      | registration.retry.max_s  | 30                                          |
      | failover.triggers         | [503, timeout, icmp, tcp_connect, tcp_send] |
    And "primary" answers REGISTER with 503
    And "secondary" answers REGISTER with 503
    When the phone registers
    Then the phone is registered with "fallback" within 2 s
    When the phone is left alone
    Then the phone sends REGISTER to "primary" within 37 s
    When the faults at "secondary" end
    Then the phone is registered with "secondary" within 37 s

  @YL-15
  Scenario: The primary dies before the refresh
    Given a phone with profile "yealink-t5x"
    And registrations last 60 s
    And the phone is registered with "primary"
    When "primary" has fault "silent"
    Then the phone moves REGISTER from "primary" to "secondary" in time
    And the phone is registered with "secondary"

  @YL-15
  Scenario: The primary has closed its port before the refresh
    Given a phone with profile "yealink-t5x"
    And registrations last 60 s
    And the phone is registered with "primary"
    When "primary" has fault "closed"
    Then the phone is registered with "secondary" within 62 s

  @YL-15
  Scenario: A primary that is back gets the next call
    Given a phone with profile "yealink-t5x" and settings
      | failback.mode | new_requests |
    And registrations last 60 s
    And the far end answers
    And the phone is registered with "primary"
    When "primary" has fault "silent"
    Then the phone moves REGISTER from "primary" to "secondary" in time
    And the phone is registered with "secondary"
    When the faults at "primary" end
    And the phone dials the far end
    Then the call is established through "primary" within 1 s

  @YL-15
  Scenario: The secondary works until a new request finds the primary
    Given a phone with profile "yealink-t5x" and settings
      | failback.mode | new_requests |
    And registrations last 60 s
    And the far end answers
    And the phone is registered with "primary"
    When "primary" has fault "silent"
    Then the phone moves REGISTER from "primary" to "secondary" in time
    And the phone is registered with "secondary"
    When the phone dials the far end
    Then the phone moves INVITE from "primary" to "secondary" in time
    And the call is established through "secondary"

  @YL-15
  Scenario: In the registration mode, calls go to the server that has the registration
    Given a phone with profile "yealink-t5x" and settings
      | failback.mode | registration |
    And registrations last 60 s
    And the far end answers
    And the phone is registered with "primary"
    When "primary" has fault "silent"
    Then the phone moves REGISTER from "primary" to "secondary" in time
    And the phone is registered with "secondary"
    When the phone dials the far end
    Then the call is established through "secondary" within 1 s
