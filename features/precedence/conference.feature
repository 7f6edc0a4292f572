@precedence
Feature: A conference on a line with precedence
  A conference takes one call appearance until it is split. When it is preempted, all its legs end.

  Background:
    Given a farm with servers "primary" and "secondary"
    And a phone with profile "polycom-vvx-ucs58"

  @PA-09 @rfc4411-2.1
  Scenario: All legs of a conference end
    Given line 1 has 2 call appearances occupied by
      | call | precedence | state      | age  |
      | a    | routine    | conference | 30 s |
      | b    | priority   | conference | 25 s |
      | c    | immediate  | held       | 10 s |
    When a flash call "x" arrives
    Then calls "a" and "b" are preempted with BYE and Reason preemption cause 1, before "x" is answered
    And call "x" alerts within 2 s
    And no other call is touched

  @PA-09
  Scenario: A conference takes one appearance, so that another is free
    Given a phone with profile "polycom-vvx-ucs58" and settings
      | mlpp.requires_all_appearances | true |
    And line 1 has 2 call appearances
    And line 1 has the calls
      | call | precedence | state      | age  |
      | a    | routine    | conference | 30 s |
      | b    | routine    | conference | 25 s |
    When a flash call "x" arrives
    Then call "x" alerts within 2 s
    And no call is touched for 5 s

  @PA-09
  Scenario Outline: A conference ranks as the profile says: <level> of its legs
    Given a phone with profile "polycom-vvx-ucs58" and settings
      | mlpp.conf_level | <level> |
    And line 1 has 2 call appearances occupied by
      | call | precedence | state      | age  |
      | a    | routine    | conference | 30 s |
      | b    | flash      | conference | 25 s |
      | c    | priority   | held       | 10 s |
    When a flash call "x" arrives
    Then <victims> preempted with BYE and Reason preemption cause 1 within 2 s
    And no other call is touched

    Examples:
      | level   | victims               |
      | max     | call "c" is           |
      | min     | calls "a" and "b" are |
      | creator | calls "a" and "b" are |

  @PA-09
  Scenario: Legs that were split count by themselves
    Given line 1 has 3 call appearances
    And line 1 has the calls
      | call | precedence | state      | age  |
      | a    | priority   | conference | 30 s |
      | b    | routine    | conference | 25 s |
      | c    | immediate  | held       | 10 s |
    When the phone splits the conference
    And a flash call "x" arrives
    Then call "b" is preempted with BYE and Reason preemption cause 1 within 2 s
    And call "x" alerts within 2 s
    And no other call is touched
