Feature: Registration
  RFC 3261 section 10: a binding is made, kept alive and made again.

  Background:
    Given a farm with servers "primary", "secondary" and "fallback"

  @YL-13
  Scenario: The first REGISTER goes to the primary, and a challenge is answered
    Given a phone
    When the phone registers
    Then the phone sends REGISTER to "primary" within 1 s
    And the phone is registered with "primary" within 2 s

  @rfc3261-10.2.4
  Scenario: The binding is refreshed before it expires
    Given a phone
    And registrations last 60 s
    And the phone is registered with "primary"
    When the phone is left alone
    Then the phone sends REGISTER to "primary" within 60 s
    And the phone is registered with "primary"

  @rfc3261-10.2.4 @rfc3261-22.4 @time-scale
  Scenario: The binding never lapses, and no nonce count comes twice
    Given a phone
    And registrations last 60 s
    And the phone is registered with "primary"
    When the phone is left alone
    Then the phone sends no REGISTER to "secondary" for 400 s

  @rfc3261-10.2.8
  Scenario: 423 teaches the phone the shortest interval
    Given a phone with settings
      | registration.expires_s | 60 |
    And registrations last at least 120 s
    When the phone registers
    Then the phone is registered with "primary" within 2 s

  @rfc3261-10.2.4 @YL-15
  Scenario: A registrar that has forgotten the phone gets its binding back with the refresh
    Given a phone
    And registrations last 60 s
    And the phone is registered with "primary"
    When "primary" has fault "restart"
    Then the phone is registered with "primary" within 61 s
    And the phone sends no REGISTER to "secondary" for 100 s

  @rfc3261-10.2
  Scenario: A reboot registers afresh
    Given a phone
    And the phone is registered with "primary"
    When the phone reboots
    Then the phone is registered with "primary" within 5 s

  @rfc3261-18.3
  Scenario: An answer that was cut short counts for nothing
    Given a phone
    And "primary" has fault "cut-short direction=out first=1"
    When the phone registers
    Then the phone is registered with "primary"

  @rfc3261-18.3
  Scenario: A server whose answers are all cut short has given none
    Given a phone
    And "primary" has fault "cut-short direction=out"
    When the phone registers
    Then the phone is registered with "secondary" within 40 s

  @rfc3261-10.2
  Scenario: Registration over TCP
    Given a phone that speaks TCP
    When the phone registers
    Then the phone is registered with "primary" within 2 s
