Feature: Who stands in for a system with IPv6 phones must have IPv6 itself
  A phone that is registered over IPv6 asks DNS for the other system's address of that family. Where there is none, there
  is nowhere to go.

  Background:
    Given a farm with servers "primary" and "secondary"
    And a phone with settings
      | registration.method       | successive   |
      | registration.retry.kind   | random_range |
      | registration.retry.base_s | 30           |
      | registration.retry.max_s  | 54           |
    And DNS for "example.test" with "primary", then "secondary"
    And "primary" and "secondary" are a resilience group with settings
      | failover_delay_s | 5 |
    And registrations last 60 s

  @AR-25
  Scenario: An alternate with both takes the phones of both
    Given an IPv6 network
    When the phone registers
    Then the phone asks DNS for AAAA "secondary.example.test"
    And the phone is registered with "primary" within 2 s
    When "primary" has fault "kill"
    Then the phone is registered with "secondary" within 120 s

  @AR-25
  Scenario: An alternate with IPv4 only hosts no phone that has IPv6
    Given an IPv6 network
    And "secondary" speaks IPv4 only
    When the phone registers
    Then the phone asks DNS for AAAA "secondary.example.test"
    And the phone is registered with "primary" within 2 s
    When "primary" has fault "kill"
    Then the phone sends no REGISTER to "secondary" for 120 s
    And "secondary" has not noted "gate opened"

  @AR-25
  Scenario: It does host a phone that has IPv4
    Given "secondary" speaks IPv4 only
    And the phone is registered with "primary"
    When "primary" has fault "kill"
    Then the phone is registered with "secondary" within 120 s
