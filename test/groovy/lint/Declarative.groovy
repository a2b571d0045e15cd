package lint

import org.codehaus.groovy.ast.ClassNode
import org.codehaus.groovy.ast.expr.ClosureExpression
import org.codehaus.groovy.ast.expr.Expression
import org.codehaus.groovy.ast.expr.MethodCallExpression
import org.codehaus.groovy.ast.expr.TupleExpression
import org.codehaus.groovy.ast.stmt.BlockStatement
import org.codehaus.groovy.ast.stmt.ExpressionStatement
import org.codehaus.groovy.ast.stmt.Statement
import org.codehaus.groovy.control.CompilationFailedException
import org.codehaus.groovy.control.CompilationUnit
import org.codehaus.groovy.control.Phases

/**
 * The structure of a declarative pipeline, by the rules of Jenkins' "Pipeline Syntax" page, as far as they can be told
 * without a Jenkins: which sections a block has, must have, and has once, and that `steps` hold steps.
 */
class Declarative {

    private static final List<String> ONE_OF_STAGE = ['steps', 'stages', 'parallel', 'matrix']
    private static final List<String> CONDITIONS = [
        'always', 'changed', 'fixed', 'regression', 'aborted', 'failure', 'success', 'unstable', 'unsuccessful',
        'notBuilt', 'cleanup',
    ]
    private static final Map<String, List<String>> SECTIONS = [
        pipeline: ['agent', 'environment', 'libraries', 'options', 'parameters', 'post', 'stages', 'tools', 'triggers'],
        stages: ['stage'],
        parallel: ['stage'],
        matrix: ['agent', 'axes', 'environment', 'excludes', 'options', 'post', 'stages', 'tools', 'when'],
        stage: ['agent', 'environment', 'failFast', 'input', 'options', 'post', 'tools', 'when'] + ONE_OF_STAGE,
        agent: ['label', 'node', 'docker', 'dockerfile', 'kubernetes'],
        post: CONDITIONS,
        options: [
            'buildDiscarder', 'checkoutToSubdirectory', 'disableConcurrentBuilds', 'disableRestartFromStage', 'disableResume',
            'newContainerPerStage', 'overrideIndexTriggers', 'parallelsAlwaysFailFast', 'preserveStashes', 'quietPeriod',
            'retry', 'skipDefaultCheckout', 'skipStagesAfterUnstable', 'timeout', 'timestamps',
        ],
    ]
    private static final Map<String, List<String>> REQUIRED = [
        pipeline: ['agent', 'stages'], stages: ['stage'], parallel: ['stage'], matrix: ['axes', 'stages'],
    ]
    private static final List<String> REPEATED = ['stage']

    private final List<String> found = []

    /** What is wrong with it, a sentence for each; nothing for a right pipeline, and for a scripted one that parses. */
    static List<String> problems(String pipeline) {
        List<Statement> statements
        try {
            statements = parse(pipeline)
        } catch (CompilationFailedException refused) {
            return ["is no Groovy: ${refused.message.readLines().find { it.contains('@ line') } ?: refused.message}".toString()]
        }
        Declarative declarative = new Declarative()
        statements.each { declarative.top(it, statements.size()) }
        return declarative.found
    }

    private static List<Statement> parse(String pipeline) {
        CompilationUnit unit = new CompilationUnit()
        unit.addSource('Jenkinsfile', pipeline.replaceFirst(/(?m)^@Library.*$/, ''))
        unit.compile(Phases.CONVERSION)
        List<ClassNode> classes = unit.AST.classes
        classes ? ((BlockStatement) classes[0].getMethod('run').code).statements : []
    }

    private void top(Statement statement, int all) {
        if (called(statement) == 'pipeline') {
            if (all > 1) {
                found.add("line ${statement.lineNumber}: a declarative pipeline stands alone in its file".toString())
            }
            block('pipeline', statement)
        }
    }

    private void block(String section, Statement statement) {
        List<Statement> inside = body(statement)
        List<String> names = inside.collect { called(it) }
        inside.findAll { !(called(it) in SECTIONS[section]) }.each { say(it, "'${section}' has no '${called(it) ?: it.text}'") }
        (REQUIRED[section] ?: []).findAll { !(it in names) }.each { say(statement, "'${section}' has no '${it}'") }
        names.countBy { it }.findAll { name, times -> times > 1 && !(name in REPEATED) }.each { name, times ->
            say(statement, "'${section}' has '${name}' ${times} times")
        }
        if (section == 'stage' && names.count { it in ONE_OF_STAGE } != 1) {
            say(statement, "'stage' has one of ${ONE_OF_STAGE.join(', ')}")
        }
        inside.each { content(section, it) }
    }

    private void content(String section, Statement statement) {
        String name = called(statement)
        if (name == 'steps' || section == 'post') {
            body(statement).findAll { !called(it) }.each { say(it, "'${it.text}' is no step; plain Groovy belongs in 'script'") }
        } else if (name in SECTIONS.keySet() && closure(statement)) {
            block(name, statement)
        }
    }

    private void say(Statement statement, String problem) {
        found.add("line ${statement.lineNumber}: ${problem}".toString())
    }

    /** The name of what a statement calls without a receiver. */
    private static String called(Statement statement) {
        Expression expression = statement instanceof ExpressionStatement ? statement.expression : null
        expression instanceof MethodCallExpression && expression.implicitThis ? expression.methodAsString : null
    }

    private static List<Statement> body(Statement statement) {
        ClosureExpression closure = closure(statement)
        closure ? ((BlockStatement) closure.code).statements : []
    }

    private static ClosureExpression closure(Statement statement) {
        Expression expression = statement instanceof ExpressionStatement ? statement.expression : null
        List<Expression> arguments = expression instanceof MethodCallExpression ? ((TupleExpression) expression.arguments).expressions : []
        arguments && arguments.last() instanceof ClosureExpression ? (ClosureExpression) arguments.last() : null
    }

}
