@precedence
Feature: When no call is preempted
  As long as there is room, and for a call that is above none of those on the line, nobody is torn down.

  Background:
    Given a farm with servers "primary" and "secondary"
    And a phone with profile "polycom-vvx-ucs58"

  @PA-06b
  Scenario: A line with a free appearance has room
    Given a phone with profile "polycom-vvx-ucs58" and settings
      | mlpp.requires_all_appearances | true |
    And line 1 has 4 call appearances
    And line 1 has the calls
      | call | precedence | state    | age  |
      | a    | routine    | active   | 20 s |
      | b    | routine    | held     | 15 s |
      | c    | routine    | alerting | 10 s |
    When a flash-override call "x" arrives
    Then call "x" alerts within 2 s
    And no call is touched for 5 s

  @PA-06c @rfc4412-4.6.6
  Scenario Outline: A call of level <level> is not above the lowest
    Given line 1 has 3 call appearances occupied by
      | call | precedence | state  | age  |
      | a    | immediate  | active | 20 s |
      | b    | flash      | held   | 15 s |
      | c    | immediate  | held   | 10 s |
    When <call> arrives
    Then call "x" is refused with 486 within 2 s
    And no call is touched for 5 s

    Examples:
      | level     | call                          |
      | immediate | an immediate call "x"         |
      | priority  | a priority call "x"           |
      | none      | a call "x" without precedence |

  @PA-06d
  Scenario: Calls of another line are left alone
    Given the phone has lines
      | line | appearances |
      | 1    | 2           |
      | 2    | 2           |
    And line 2 has the calls
      | call | precedence | state | age |
      | z    | routine    | held  | 5 s |
    And line 1 has the calls
      | call | precedence | state  | age  |
      | a    | immediate  | active | 15 s |
      | b    | priority   | held   | 10 s |
    When a flash call "x" arrives on line 1
    Then call "b" is preempted with BYE and Reason preemption cause 1 within 2 s
    And no other call is touched
    When a flash call "y" arrives on line 2
    Then call "y" alerts within 2 s
    And no call is touched for 5 s

  @PA-06c @rfc4412-4.6.2
  Scenario: A namespace that the phone does not know is no precedence
    Given line 1 has 1 call appearance occupied by
      | call | precedence | state  | age |
      | a    | routine    | active | 5 s |
    When a call "x" arrives with Resource-Priority "foo.flash"
    Then call "x" is refused with 486 within 2 s
    And no call is touched for 5 s

  @PA-06c @rfc4412-4.6.2
  Scenario: Whoever insists on a namespace that the phone does not know is refused
    Given line 1 has 1 call appearance occupied by
      | call | precedence | state  | age |
      | a    | routine    | active | 5 s |
    When a call "x" arrives with Resource-Priority "foo.flash" and Require
    Then call "x" is refused with 417
    And no call is touched for 5 s

  @PA-06 @rfc4412-3.1
  Scenario: Of several namespaces the one that the phone knows counts
    Given a phone with profile "polycom-vvx-ucs58" and settings
      | mlpp.enabled       | true                                                  |
      | mlpp.namespace     | dsn                                                   |
      | mlpp.levels        | [routine, priority, immediate, flash, flash-override] |
      | mlpp.dialplan      | []                                                    |
      | mlpp.default_level | null                                                  |
    And line 1 has 1 call appearance occupied by
      | call | precedence | state  | age |
      | a    | routine    | active | 5 s |
    When a call "x" arrives with Resource-Priority "foo.0", "DSN.Flash" and Require
    Then call "a" is preempted with BYE and Reason preemption cause 1 within 2 s
    And call "x" alerts within 2 s

  @PA-06c @rfc4412-3.1
  Scenario: A namespace that stands twice says nothing
    Given line 1 has 1 call appearance occupied by
      | call | precedence | state  | age |
      | a    | routine    | active | 5 s |
    When a call "x" arrives with Resource-Priority "dsn.flash", "dsn.routine"
    Then no call is touched for 5 s
