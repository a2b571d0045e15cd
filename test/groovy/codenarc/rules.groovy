// CodeNarc's rules for what Jenkins runs: vars/, src/ and the Jenkinsfiles.
ruleset {
    ruleset('rulesets/jenkins.xml')
    ruleset('rulesets/basic.xml')
    ruleset('rulesets/braces.xml')
    ruleset('rulesets/design.xml') {
        exclude 'Instanceof'              // kinds of parameters are told apart by their type
    }
    ruleset('rulesets/exceptions.xml')
    ruleset('rulesets/formatting.xml') {
        SpaceAroundMapEntryColon {
            characterAfterColonRegex = /\s/
        }
    }
    ruleset('rulesets/groovyism.xml')
    ruleset('rulesets/imports.xml')
    ruleset('rulesets/naming.xml') {
        VariableName {
            ignoreVariableNames = '_'     // what @Library is written on
        }
    }
    ruleset('rulesets/security.xml')
    ruleset('rulesets/serialization.xml')
    ruleset('rulesets/size.xml')
    ruleset('rulesets/unnecessary.xml') {
        exclude 'UnnecessaryGetter'       // the sandbox lists methods, so methods are what is written
        exclude 'UnnecessaryReturnKeyword'
    }
    ruleset('rulesets/unused.xml') {
        UnusedVariable {
            ignoreVariableNames = '_'
        }
    }
}
