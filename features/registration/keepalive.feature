Feature: Keep-alives at servers that stand by
  One call manager serves the phone. One other is told now and then, with a REGISTER of Expires 0, that
  the phone lives; it keeps no binding for that.

  Background:
    Given a farm with servers "primary", "secondary" and "fallback"
    And a phone with profile "cisco-sip-enterprise" and settings
      | registration.method             | active_plus_keepalive |
      | registration.keepalive.form     | register_expires0     |
      | registration.keepalive.period_s | 60                    |

  @CC-02 @CC-03 @time-scale
  Scenario: The first of the group serves the phone, and no other has a binding
    When the phone registers
    Then the phone is registered with "primary" within 2 s
    And the phone sends no REGISTER to "secondary" for 200 s
    And the phone sends no REGISTER to "fallback" for 200 s

  @CC-02
  Scenario: Keep-alives go on while a call is up
    Given the far end answers
    And the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary" within 1 s
    And the phone sends no REGISTER to "secondary" for 130 s
    When the phone hangs up
    Then the call ends through "primary"

  @CC-02
  Scenario: A standby that is silent is asked again in its time
    Given "secondary" has fault "silent"
    And the phone is registered with "primary"
    When the phone is left alone
    Then the phone sends no REGISTER to "secondary" for 200 s
