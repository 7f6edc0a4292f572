Feature: A phone away from home asks whether its home is back
  It asks for no binding there, with a REGISTER without Contact, until its home says yes. Then it goes home, but never
  during a call.

  Background:
    Given a farm with servers "primary" and "secondary"
    And a phone with settings
      | registration.method             | active_only   |
      | failover.triggers               | [503]         |
      | registration.keepalive.form     | query         |
      | registration.keepalive.period_s | 60            |
      | registration.fallback_probe_s   | null          |
      | failback.mode                   | on_primary_up |
      | failback.only_when_idle         | true          |
      | call_in_progress.failover       | forbidden     |
    And the far end answers
    And "primary" answers REGISTER with 503

  @AR-26
  Scenario: It goes home when that answers, and not before
    When the phone registers
    Then the phone is registered with "secondary" within 2 s
    When the phone is left alone
    Then the phone sends no REGISTER to "primary" for 130 s
    When the faults at "primary" end
    Then the phone is registered with "primary" within 130 s

  @AR-26
  Scenario: It stays where it is while a call is up
    When the phone registers
    Then the phone is registered with "secondary" within 2 s
    When the faults at "primary" end
    And the phone dials the far end
    Then the call is established through "secondary"
    And the phone sends no REGISTER to "primary" for 130 s
    When the phone hangs up
    Then the phone is registered with "primary" within 130 s
