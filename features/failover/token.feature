Feature: The way back with a token
  A phone that stands with a lower member of its group watches the better ones. When one answers again, it
  asks for a token there, and comes back when it is granted; a member that takes many phones back makes
  them queue.

  Background:
    Given a farm with servers "primary", "secondary" and "fallback"
    And a phone with profile "cisco-sip-enterprise" and settings
      | registration.method             | active_plus_keepalive |
      | registration.keepalive.form     | register_expires0     |
      | registration.keepalive.period_s | 60                    |
      | failback.mode                   | token                 |
      | failback.token.monitor_s        | 0                     |
    And registrations last 120 s

  @CC-04 @CC-05 @time-scale
  Scenario Outline: <fault>: to the next of the group, and back with a token
    Given the phone is registered with "primary"
    When "primary" has fault "<fault>"
    Then the phone is registered with "secondary" within 160 s
    When the faults at "primary" end
    Then the phone sends REFER to "primary" within 65 s
    And "primary" sends 202 to the phone
    And the phone is registered with "primary" within 70 s
    When the phone is left alone
    Then the phone sends no REGISTER to "secondary" for 150 s

    Examples:
      | fault  |
      | silent |
      | closed |

  @CC-04 @time-scale
  Scenario: Two of the group are gone
    Given the phone is registered with "primary"
    When "primary" has fault "silent"
    And "secondary" has fault "closed"
    Then the phone sends REGISTER to "primary", then "secondary", then "fallback"
    And the phone is registered with "fallback" within 200 s
    When the faults at "secondary" end
    Then the phone is registered with "secondary" within 200 s
    When the faults at "primary" end
    Then the phone is registered with "primary" within 200 s

  @CC-04 @CC-05
  Scenario: Over TCP, a reset leads to the next of the group
    Given the phone speaks TCP
    And the phone is registered with "primary"
    When "primary" has fault "closed"
    Then the phone is registered with "secondary" within 130 s
    When the faults at "primary" end
    Then the phone sends REFER to "primary" within 65 s
    And the phone is registered with "primary" within 130 s

  @CC-06
  Scenario Outline: A full queue answers <code> and says when to come back
    Given the phone is registered with "primary"
    When "primary" has fault "closed"
    Then the phone is registered with "secondary" within 130 s
    When the faults at "primary" end
    And "primary" has fault "token-queue depth=10 others=11 code=<code> retry-after=20"
    Then the phone sends REFER to "primary" within 65 s
    And "primary" sends <code> to the phone
    When the phone is left alone
    Then the phone sends REFER to "primary" within 22 s
    And the phone sends no REGISTER to "primary" for 15 s
    And the phone is registered with "primary" within 45 s

    Examples:
      | code |
      | 486  |
      | 503  |

  @CC-06
  Scenario: A full queue that does not say when is asked again after the time of a keep-alive
    Given the phone is registered with "primary"
    When "primary" has fault "closed"
    Then the phone is registered with "secondary" within 130 s
    When the faults at "primary" end
    And "primary" has fault "token-queue depth=1 others=1"
    Then the phone sends REFER to "primary" within 65 s
    And "primary" sends 486 to the phone
    When the phone is left alone
    Then the phone sends no REFER to "primary" for 55 s
    And the phone is registered with "primary" within 65 s

  @CC-06 @time-scale
  Scenario: A token that is refused for good leaves the phone where it is
    Given the phone is registered with "primary"
    When "primary" has fault "closed"
    Then the phone is registered with "secondary" within 130 s
    When the faults at "primary" end
    And "primary" answers REFER with 403
    Then the phone sends REFER to "primary" within 65 s
    And "primary" sends 403 to the phone
    When the phone is left alone
    Then the phone sends no REGISTER to "primary" for 200 s
